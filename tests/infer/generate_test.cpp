#include "infer/tiny.hpp"
#include <bora/infer/generate.hpp>
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <ranges>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace {

using bora::GenerateOptions;
using bora::Session;
using tiny::Tokens;

using Whole = tiny::Masked<bora::Causal>;
const Tokens prompt = tiny::text(1, 7);

template <class S>
Tokens collect(S& session, const Tokens& from, const GenerateOptions& options) {
  Tokens tokens;
  for (const bora::TokenId token : bora::generate(session, from, options)) tokens.push_back(token);
  return tokens;
}
Tokens generated(const GenerateOptions& options) {
  Session session{tiny::model<Whole>()};
  return collect(session, prompt, options);
}

}  // namespace

TEST_CASE("At temperature 0 the largest logit is taken, step by step", "[infer]") {
  Session session{tiny::model<Whole>()};
  Tokens want;
  auto logits = session.prefill(prompt);
  for (int i = 0; i < 20; ++i) {
    want.push_back(static_cast<bora::TokenId>(std::ranges::max_element(logits) - logits.begin()));
    logits = session.step(want.back());
  }
  CHECK(generated({.temperature = 0, .max_tokens = 20}) == want);
}

TEST_CASE("A text has at most max_tokens tokens", "[infer]") {
  const Tokens longest = generated({.temperature = 0, .max_tokens = 20});
  for (const std::size_t most : {0, 1, 2, 19}) {
    Session session{tiny::model<Whole>()};
    const Tokens tokens = collect(session, prompt, {.temperature = 0, .max_tokens = most});
    CHECK(tokens == Tokens(longest.begin(), longest.begin() + static_cast<std::ptrdiff_t>(most)));
    // The session holds the prompt and all that were drawn; without any, it is not touched.
    CHECK(session.length() == (most == 0 ? 0 : prompt.size() + most));
  }
}

TEST_CASE("A stop token ends the text and is not part of it", "[infer]") {
  const Tokens longest = generated({.temperature = 1, .max_tokens = 30, .seed = 3});
  for (const std::size_t at : {0, 1, 5, 17}) {
    const auto first = std::find(longest.begin(), longest.end(), longest[at]);  // the same token may come earlier
    CHECK(generated({.temperature = 1, .max_tokens = 30, .seed = 3, .stop = {99, longest[at]}}) ==
          Tokens(longest.begin(), first));
  }
}

TEST_CASE("A text ends when the session is full", "[infer]") {
  Session session{tiny::model<Whole>(), {.capacity = 12}};
  CHECK(collect(session, prompt, {.temperature = 0}) == generated({.temperature = 0, .max_tokens = 5}));
  CHECK(session.length() == 12);
  CHECK(session.limit() == 12);

  Session exact{tiny::model<Whole>(), {.capacity = prompt.size()}};
  auto none = bora::generate(exact, prompt, {.temperature = 0});
  CHECK(none.begin() == none.end());  // nothing is given that the session could not take
  CHECK(none.finish_reason() == bora::FinishReason::full);
  CHECK(exact.length() == prompt.size());
}

TEST_CASE("A ring generates past the context", "[infer]") {
  using Window = tiny::Masked<bora::SlidingWindow<16>>;
  Session session{tiny::model<Window>(), {.chunk = 16}};
  const Tokens tokens = collect(session, prompt, {.temperature = 0.8, .max_tokens = 3 * Window::context, .seed = 1});
  CHECK(tokens.size() == 3 * Window::context);
  CHECK(std::set<bora::TokenId>(tokens.begin(), tokens.end()).size() > 5);
}

TEST_CASE("A seed gives one text, another seed another", "[infer]") {
  const GenerateOptions options{.temperature = 1, .top_k = 30, .top_p = 0.95, .max_tokens = 40, .seed = 11};
  GenerateOptions other = options;
  other.seed = 12;
  CHECK(generated(options) == generated(options));
  CHECK(generated(options) != generated(other));
}

TEST_CASE("A text goes on where the session stands", "[infer]") {
  Session session{tiny::model<Whole>()};
  const Tokens first = collect(session, prompt, {.temperature = 0, .max_tokens = 5});
  const Tokens second = collect(session, {}, {.temperature = 0, .max_tokens = 5});
  Tokens both = first;
  both.insert(both.end(), second.begin(), second.end());
  CHECK(both == generated({.temperature = 0, .max_tokens = 10}));
}

TEST_CASE("Generation is a lazy input range", "[infer]") {
  Session session{tiny::model<Whole>()};
  auto generation = bora::generate(session, prompt, {.temperature = 0, .max_tokens = 20});
  STATIC_REQUIRE(std::ranges::input_range<decltype(generation)>);
  CHECK(session.length() == 0);  // nothing is worked on before the first token is asked for
  auto at = generation.begin();
  CHECK(session.length() == prompt.size() + 1);  // what can be seen is in it
  CHECK(session.pending() == *at);
  ++at;
  CHECK(session.length() == prompt.size() + 2);
  CHECK_FALSE(generation.done());
}

TEST_CASE("A text that was left goes on with the token it was left at", "[infer]") {
  Session session{tiny::model<Whole>()};
  auto generation = bora::generate(session, prompt, {.temperature = 0, .max_tokens = 12});
  Tokens tokens;
  for (const bora::TokenId token : generation) {
    if (tokens.size() == 5) break;
    tokens.push_back(token);
  }
  for (const bora::TokenId token : generation) tokens.push_back(token);
  CHECK(tokens == generated({.temperature = 0, .max_tokens = 12}));
  for ([[maybe_unused]] const bora::TokenId token : generation) FAIL("a text that has ended goes on");
  CHECK(session.length() == prompt.size() + 12);
}

TEST_CASE("A text is not resumed in a session that was used for something else", "[infer]") {
  Session session{tiny::model<Whole>()};
  auto generation = bora::generate(session, prompt, {.temperature = 0, .max_tokens = 12});
  auto at = generation.begin();
  session.prefill(Tokens{1, 2});
  CHECK(
      tiny::refusal<bora::Error>([&] { ++at; }) ==
      "generate: the session holds 10 tokens, expected the 8 that it held after the last token that was drawn: a text "
      "is not resumed in a session that was used for something else");
  CHECK(generation.done());
  CHECK(session.length() == prompt.size() + 3);
}

TEST_CASE("The next turn continues what the caller has seen, however the text ended", "[infer]") {
  const auto& model = tiny::model<Whole>();
  const Tokens second = tiny::text(2, 5), longest = generated({.temperature = 0, .max_tokens = 9});
  Session session{model, {.capacity = 50, .chunk = 4}};
  Tokens seen = prompt;
  const auto draw = [&](const GenerateOptions& options, std::size_t most) {
    for (const bora::TokenId token : bora::generate(session, prompt, options)) {
      seen.push_back(token);
      if (--most == 0) break;
    }
  };
  SECTION("by max_tokens") { draw({.temperature = 0, .max_tokens = 9}, 100); }
  SECTION("after one token") { draw({.temperature = 0, .max_tokens = 1}, 100); }
  SECTION("by the caller") { draw({.temperature = 0}, 3); }
  SECTION("by the caller, at once") { draw({.temperature = 0}, 1); }
  SECTION("by an exception") {
    try {
      for (const bora::TokenId token : bora::generate(session, prompt, {.temperature = 0})) {
        seen.push_back(token);
        if (seen.size() == prompt.size() + 4) throw 1;
      }
    } catch (int) {
    }
  }
  SECTION("by a stop token, which is in the session and not in the text") {
    auto generation = bora::generate(session, prompt, {.temperature = 0, .stop = {longest[8]}});
    for (const bora::TokenId token : generation) seen.push_back(token);
    CHECK(generation.finish_reason() == bora::FinishReason::stop);
    CHECK(generation.stopped_by() == longest[8]);
    seen.push_back(longest[8]);
  }
  SECTION("by a stop token that is taken back") {
    auto generation = bora::generate(session, prompt, {.temperature = 0, .stop = {longest[8]}});
    for (const bora::TokenId token : generation) seen.push_back(token);
    session.rewind(session.length() - 1);
  }
  SECTION("twice") {
    draw({.temperature = 0, .max_tokens = 2}, 100);
    for (const bora::TokenId token : bora::generate(session, second, {.temperature = 1, .max_tokens = 3, .seed = 1})) {
      if (seen.size() == prompt.size() + 2) seen.insert(seen.end(), second.begin(), second.end());
      seen.push_back(token);
    }
  }
  CHECK(session.length() == seen.size());
  Session fresh{model};
  seen.insert(seen.end(), second.begin(), second.end());
  CHECK(tiny::same_bits(session.prefill(second), fresh.prefill(seen)));
  CHECK(session.length() == seen.size());
}

TEST_CASE("A stop token or a bound is the reason a text ended", "[infer]") {
  Session session{tiny::model<Whole>(), {.capacity = 12}};
  auto bounded = bora::generate(session, prompt, {.temperature = 0, .max_tokens = 2});
  CHECK(bounded.finish_reason() == bora::FinishReason::none);
  for ([[maybe_unused]] const bora::TokenId token : bounded) CHECK(bounded.finish_reason() == bora::FinishReason::none);
  CHECK(bounded.finish_reason() == bora::FinishReason::max_tokens);
  CHECK_FALSE(bounded.stopped_by());
  auto endless = bora::generate(session, std::span<const bora::TokenId>(), {.temperature = 0});
  for ([[maybe_unused]] const bora::TokenId token : endless) {
  }
  CHECK(endless.finish_reason() == bora::FinishReason::full);
  CHECK(session.length() == 12);
}

TEST_CASE("Ids beyond the tokenizer's are never drawn", "[infer]") {
  const GenerateOptions options = GENERATE(GenerateOptions{.temperature = 0, .max_tokens = 30},
                                           GenerateOptions{.temperature = 1.5, .max_tokens = 30, .seed = 4});
  const Tokens free = generated(options);
  GenerateOptions masked = options;
  masked.vocab_size = static_cast<std::size_t>(*std::ranges::max_element(free));  // its own largest is ruled out
  const Tokens tokens = generated(masked);
  CHECK(tokens.size() == 30);
  CHECK(std::ranges::all_of(tokens, [&](bora::TokenId t) { return static_cast<std::size_t>(t) < masked.vocab_size; }));
  masked.vocab_size = 1;
  CHECK(generated(masked) == Tokens(30, 0));
  masked.vocab_size = Whole::vocab_size + 10;  // a tokenizer that knows more than the model
  CHECK(generated(masked) == free);
}

TEST_CASE("A first token that stops leaves no text; the session takes it", "[infer]") {
  const Tokens first = generated({.temperature = 0, .max_tokens = 1});
  Session session{tiny::model<Whole>()};
  CHECK(collect(session, prompt, {.temperature = 0, .stop = first}).empty());
  CHECK(session.length() == prompt.size() + 1);
  CHECK(session.pending() == first[0]);
}

TEST_CASE("A full session takes no prompt, and keeps what it has", "[infer]") {
  Session session{tiny::model<Whole>(), {.capacity = prompt.size() + 1}};
  CHECK(collect(session, prompt, {.temperature = 0}).size() == 1);
  for (const std::size_t most : {std::size_t{1}, std::size_t{20}})
    CHECK_THROWS_AS(collect(session, {3}, {.temperature = 0, .max_tokens = most}), bora::CapacityError);
  CHECK(collect(session, {3}, {.max_tokens = 0}).empty());  // asks for nothing
  CHECK(session.length() == prompt.size() + 1);
  session.rewind(prompt.size() - 1);
  CHECK(collect(session, {prompt.back()}, {.temperature = 0}) == generated({.temperature = 0, .max_tokens = 1}));
}

TEST_CASE("Logits without a number end the text with an error", "[infer]") {
  constexpr bora::TokenId poisoned = 5;
  bora::Parameters<Whole> parameters = tiny::model<Whole>().parameters();
  parameters.for_each([&](bora::TensorId id, bora::TensorShape shape, std::span<float> values) {
    if (id.name == "embedding")
      std::ranges::fill(values.subspan(poisoned * shape.cols, shape.cols), std::numeric_limits<float>::quiet_NaN());
  });
  const bora::Decoder<Whole, bora::F32> model(parameters);
  const double temperature = GENERATE(0.0, 1.0);
  Session session{model};
  auto generation = bora::generate(session, Tokens{1, poisoned}, {.temperature = temperature});
  CHECK(tiny::refusal<bora::Error>([&] { generation.begin(); }) ==
        "no token can be chosen: all of 40 logits are NaN or minus infinity");
  CHECK(generation.done());
  for ([[maybe_unused]] const bora::TokenId token : generation) FAIL("a text that has ended goes on");
  session.reset();
  CHECK(collect(session, {1}, {.temperature = temperature, .max_tokens = 1}).size() == 1);
}

TEST_CASE("A prompt that cannot be worked on is refused, and nothing changes", "[infer]") {
  Session session{tiny::model<Whole>(), {.capacity = 12}};
  const auto run = [&](const Tokens& from, const GenerateOptions& options) { collect(session, from, options); };
  CHECK_THROWS_AS(run({}, {}), bora::TokenError);
  CHECK_THROWS_AS(run({1, 40}, {}), bora::TokenError);
  CHECK_THROWS_AS(run(tiny::text(1, 13), {}), bora::CapacityError);
  CHECK_THROWS_AS(run(prompt, {.temperature = -1}), bora::ConfigError);
  CHECK_THROWS_AS(run(prompt, {.top_p = 0}), bora::ConfigError);
  CHECK_THROWS_AS(run(prompt, {.min_p = 1}), bora::ConfigError);
  CHECK(session.length() == 0);
  CHECK(collect(session, prompt, {.temperature = 0, .max_tokens = 3}) ==
        generated({.temperature = 0, .max_tokens = 3}));
}
