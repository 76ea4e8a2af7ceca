#include "drawing.hpp"
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace {

/// "17:-5,18:0.5": ids, each with what is added to its logit.
program::Value biases(std::vector<bora::LogitBias>& list) {
  const auto set = [&list](const std::string& name, const std::string& text) {
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      const std::string one = text.substr(begin, end - begin);
      const std::size_t colon = one.find(':');
      if (colon == one.npos)
        throw program::UsageError(name + " is \"" + text + "\", expected ID:NUMBER, with commas between several");
      std::vector<bora::TokenId> id;
      double bias = 0;
      program::list(id).set(name, one.substr(0, colon));
      program::real(bias, std::numeric_limits<double>::lowest()).set(name, one.substr(colon + 1));
      list.push_back({.token = id.front(), .bias = bias});
      begin = end + 1;
    }
  };
  return {.set = set, .kind = "ID:NUMBER,…", .now = {}};
}

}  // namespace

void command::DrawingOptions::declare(program::Arguments& arguments) {
  constexpr double least = std::numeric_limits<double>::lowest();
  bora::GenerateOptions& o = drawing;
  arguments.option("--temperature", program::real(o.temperature, 0), "0 takes the most probable token");
  arguments.option("--top-k", program::whole(o.top_k, std::size_t{0}), "tokens to draw from; 0: all");
  arguments.option("--top-p", program::share(o.top_p), "share of probability to draw from");
  arguments.option("--min-p", program::real(o.min_p, 0, 1), "least probability, relative to the most probable token's");
  arguments.option("--typical-p", program::share(o.typical_p), "share of probability, the most typical tokens first");
  arguments.option("--repetition-penalty", program::real(o.repetition_penalty, 0),
                   "above 1: tokens that stand in the text become less probable");
  arguments.option("--frequency-penalty", program::real(o.frequency_penalty, least),
                   "subtracted from a logit for each time that its token was drawn");
  arguments.option("--presence-penalty", program::real(o.presence_penalty, least),
                   "subtracted from the logits of tokens that were drawn");
  arguments.option("--logit-bias", biases(o.logit_bias), "added to the logits of these ids");
  arguments.option("--seed", program::whole(o.seed, std::uint64_t{0}), "of the draws");
  arguments.option("--stop", program::text_each_time(stop), "a text that ends what is written; may be given again");
}
