// What docs/generation.md shows. Each function throws where a promise does not hold.
#include <bora/infer.hpp>
#include <bora/infer/beam_search.hpp>
#include <bora/infer/generate_text.hpp>
#include <bora/infer/json_recogniser.hpp>
#include <bora/infer/speculative.hpp>
#include <bora/text/bytes.hpp>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Small : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 257, dim = 64, layers = 2, context = 512;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 16},
                                                bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<176>;
};
struct Smaller : Small {
  static constexpr std::size_t layers = 1;
};
using Model = bora::Decoder<Small, bora::F32>;
using Tokens = std::vector<bora::TokenId>;
constexpr bora::TokenId end_of_text = 256;

void require(bool fulfilled, const char* promise) {
  if (!fulfilled) throw std::logic_error(std::string("not fulfilled: ") + promise);
}

// [text]
/// The answer to a question, which ends where the next one would begin.
template <class Session, class Tokenizer>
std::string answer(Session& session, const Tokenizer& words, std::string_view question) {
  std::string text;
  for (const std::string_view piece :
       bora::generate_text(session, words.stream(), words.encode(question),
                           {.temperature = 0.8, .top_p = 0.95, .repetition_penalty = 1.1, .max_tokens = 200, .seed = 7},
                           {"\nQuestion:", "\n\n"}))
    text += piece;  // or print it: no part of a stop string ever comes out
  return text;
}
// [/text]

// [json]
/// A JSON object, whatever the model would rather say.
template <class Session, class Tokenizer>
std::string json_object(Session& session, const Tokenizer& words, const bora::TokenBytes& bytes,
                        std::string_view prompt) {
  bora::JsonConstraint json(bytes, {end_of_text});
  auto text = bora::generate_text(session, words.stream(), words.encode(prompt),
                                  {.max_tokens = 300, .stop = {end_of_text}, .constraint = &json});
  std::string object;
  for (const std::string_view piece : text) object += piece;
  if (text.finish_reason() != bora::FinishReason::complete) object.clear();  // cut short
  return object;
}
// [/json]

// [log_probabilities]
/// How sure the model was of its own answer: the mean log-probability of its tokens.
template <class Session>
double confidence(Session& session, const Tokens& prompt) {
  double sum = 0;
  std::size_t count = 0;
  auto tokens = bora::generate(session, prompt, {.max_tokens = 20, .top_log_probabilities = 3});
  for ([[maybe_unused]] const bora::TokenId t : tokens) {
    const bora::LogProbabilities& of = tokens.log_probabilities();
    sum += of.chosen.log_probability;
    require(of.top.size() == 3 && of.top[0].log_probability >= of.chosen.log_probability, "the best one comes first");
    ++count;
  }
  return sum / static_cast<double>(count);
}
// [/log_probabilities]

// [beams]
Tokens most_probable(const Model& model, const Tokens& prompt) {
  bora::BatchSession session{model, {.capacity = 64, .sequences = 4}};
  return bora::beam_search(session, prompt, {.beams = 4, .max_tokens = 16, .stop = {end_of_text}})[0].tokens;
}
// [/beams]

// [speculative]
/// The tokens of `generate`, with a smaller model guessing four at a time.
Tokens guessed(const Model& model, const bora::Decoder<Smaller, bora::F32>& smaller, const Tokens& prompt) {
  bora::Session session{model, {.scored = 5}};
  bora::Session drafting{smaller};
  bora::DraftModel drafts{drafting};
  Tokens drawn;
  for (const bora::TokenId t :
       bora::generate_speculative(session, drafts, prompt, {.temperature = 0.7, .max_tokens = 40, .seed = 3}, 4))
    drawn.push_back(t);
  return drawn;
}
// [/speculative]

Tokens plain(const Model& model, const Tokens& prompt, const bora::GenerateOptions& options) {
  bora::Session session{model};
  Tokens drawn;
  for (const bora::TokenId t : bora::generate(session, prompt, options)) drawn.push_back(t);
  return drawn;
}

}  // namespace

int main() try {
  const auto model = bora::random_model<Small, bora::F32>(1);
  const auto smaller = bora::random_model<Smaller, bora::F32>(2);
  const bora::ByteTokenizer words;
  const Tokens prompt = words.encode("Once upon a time");
  bora::Session session{model};
  const std::string text = answer(session, words, "Question: why?\n");
  require(text.find("\n\n") == text.npos, "no part of a stop string comes out");
  session.reset();
  const auto bytes = bora::TokenBytes::of(words, Small::vocab_size);
  const std::string object = json_object(session, words, bytes, "A JSON object: ");
  require(object.empty() || (object.find('{') != object.npos && object.ends_with('}')), "it is an object");
  session.reset();
  require(confidence(session, prompt) < 0, "log-probabilities are negative");
  require(most_probable(model, prompt).size() <= 16, "a beam has its length");
  require(guessed(model, smaller, prompt) == plain(model, prompt, {.temperature = 0.7, .max_tokens = 40, .seed = 3}),
          "speculation changes no token");
} catch (const std::exception& error) {
  return std::fprintf(stderr, "generation: %s\n", error.what()), 1;
}
