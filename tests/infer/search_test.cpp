// Texts that are searched for or guessed: beams, speculative decoding.
#include "infer/tiny.hpp"
#include <bora/infer/beam_search.hpp>
#include <bora/infer/json_recogniser.hpp>
#include <bora/infer/speculative.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace {

using bora::FinishReason;
using bora::GenerateOptions;
using bora::Session;
using tiny::Tokens;

using Whole = tiny::Masked<bora::Causal>;
using Window = tiny::Masked<bora::SlidingWindow<5>>;
const Tokens prompt = tiny::text(1, 7);
constexpr std::size_t vocabulary = Whole::vocab_size;

struct Text {
  Tokens tokens;
  FinishReason reason;
  std::size_t length;  // of the session afterwards
  std::optional<bora::TokenId> pending;
  friend bool operator==(const Text&, const Text&) = default;
};
template <class S, class Range>
Text read(S& session, Range&& range, std::size_t most = 1'000) {
  Text text{};
  {
    auto&& tokens = range;
    for (const bora::TokenId t : tokens) {
      text.tokens.push_back(t);
      if (text.tokens.size() == most) break;
    }
    text.reason = tokens.finish_reason();
    if constexpr (requires { tokens.settle(); }) tokens.settle();
  }
  text.length = session.length();
  text.pending = session.pending();
  return text;
}

/// Proposes what it was given, and then nonsense.
struct Oracle {
  Tokens text;
  std::size_t wrong_each = 0;  // each so many tokens one is wrong
  void propose(std::span<const bora::TokenId> so_far, std::size_t most, const bora::Sampler&, Tokens& drafts) const {
    for (std::size_t i = so_far.size(); i < so_far.size() + most; ++i) {
      if (i >= text.size()) return drafts.push_back(99);  // no token of the model
      drafts.push_back(wrong_each != 0 && i % wrong_each == 0 ? (text[i] + 1) % 40 : text[i]);
    }
  }
};

constexpr bora::SessionOptions scoring{.capacity = 60, .rewind = 8, .scored = 9};

/// All texts of two tokens with their log-probabilities, the best first.
std::vector<bora::Beam> all_pairs(const std::vector<bora::TokenId>& stop, double length_penalty) {
  std::vector<bora::Beam> all;
  Session session{tiny::model<Whole>()};
  const tiny::Logits first = tiny::copy(session.prefill(prompt));
  const auto probability = [](const tiny::Logits& logits, std::size_t t) {
    return bora::log_probabilities(logits, static_cast<bora::TokenId>(t)).chosen.log_probability;
  };
  const auto stops = [&](std::size_t t) {
    return std::ranges::find(stop, static_cast<bora::TokenId>(t)) != stop.end();
  };
  for (std::size_t a = 0; a < vocabulary; ++a) {
    const double p = probability(first, a);
    if (stops(a)) {
      all.push_back({{}, p, p, true});
      continue;
    }
    const tiny::Logits second = tiny::copy(session.step(static_cast<bora::TokenId>(a)));
    session.rewind(prompt.size());
    for (std::size_t b = 0; b < vocabulary; ++b) {
      const double both = p + probability(second, b);
      Tokens tokens{static_cast<bora::TokenId>(a)};
      if (!stops(b)) tokens.push_back(static_cast<bora::TokenId>(b));
      all.push_back({tokens, both, both / std::pow(2.0, length_penalty), stops(b)});
    }
  }
  std::ranges::sort(all, [](const bora::Beam& x, const bora::Beam& y) { return x.score > y.score; });
  return all;
}

}  // namespace

TEST_CASE("A beam as wide as the vocabulary finds the most probable texts", "[infer]") {
  const double length_penalty = GENERATE(0.0, 1.0);
  const Tokens stop = GENERATE(Tokens{}, Tokens{3, 17});
  const auto expected = all_pairs(stop, length_penalty);
  bora::BatchSession session{tiny::model<Whole>(), {.capacity = 16, .sequences = vocabulary}};
  const auto found = bora::beam_search(
      session, prompt, {.beams = vocabulary, .max_tokens = 2, .length_penalty = length_penalty, .stop = stop});
  REQUIRE(found.size() == vocabulary);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].tokens == expected[i].tokens);
    CHECK(found[i].stopped == expected[i].stopped);
    CHECK(std::abs(found[i].score - expected[i].score) < 1e-9);
    CHECK(std::abs(found[i].log_probability - expected[i].log_probability) < 1e-9);
  }
}

TEST_CASE("One beam is greedy decoding, and more beams find texts that are more probable", "[infer]") {
  Session plain{tiny::model<Whole>()};
  const Text greedy = read(plain, bora::generate(plain, prompt, {.temperature = 0, .max_tokens = 12}));
  double before = -1e9;
  for (const std::size_t beams : {1u, 2u, 5u}) {
    bora::BatchSession session{tiny::model<Whole>(), {.capacity = 60, .sequences = 5}};
    const auto found = bora::beam_search(session, prompt, {.beams = beams, .max_tokens = 12});
    CHECK(found.size() == beams);
    if (beams == 1) CHECK(found[0].tokens == greedy.tokens);
    CHECK(found[0].score >= before);
    before = found[0].score;
    // The score is that of the text: run it again.
    Session again{tiny::model<Whole>()};
    double sum = 0;
    auto logits = again.prefill(prompt);
    for (const bora::TokenId t : found.back().tokens) {
      sum += bora::log_probabilities(logits, t).chosen.log_probability;
      logits = again.step(t);
    }
    CHECK(std::abs(sum - found.back().log_probability) < 1e-9);
  }
}

TEST_CASE("Beams end where there is no room, and impossible ones are refused", "[infer]") {
  bora::BatchSession session{tiny::model<Whole>(), {.capacity = prompt.size() + 3, .sequences = 2}};
  CHECK(bora::beam_search(session, prompt, {.beams = 2})[0].tokens.size() == 3);
  CHECK(bora::beam_search(session, Tokens{}, {.beams = 2, .max_tokens = 0}).empty());
  CHECK(support::refusal<bora::ConfigError>([&] { bora::beam_search(session, prompt, {.beams = 3}); }) ==
        "beam_search: beams is 3, expected 1 to the 2 sequences of the session");
  bora::BatchSession small{tiny::model<Whole>(), {.capacity = prompt.size(), .sequences = 2}};
  CHECK(bora::beam_search(small, prompt, {.beams = 2}).empty());
}

TEST_CASE("Scored tokens have the logits of single steps", "[infer]") {
  Session steps{tiny::model<Whole>()}, scored{tiny::model<Whole>(), scoring};
  steps.prefill(std::span(prompt).first(3));
  scored.prefill(std::span(prompt).first(2));
  scored.append(prompt[2]);
  const auto rows = scored.score(std::span(prompt).subspan(3));
  REQUIRE(rows.size() == prompt.size() - 2);
  Session again{tiny::model<Whole>()};
  CHECK(tiny::same_bits(tiny::copy(rows.row(0)), tiny::copy(again.prefill(std::span(prompt).first(3)))));
  for (std::size_t i = 3; i < prompt.size(); ++i)
    CHECK(tiny::same_bits(tiny::copy(rows.row(i - 2)), tiny::copy(steps.step(prompt[i]))));
  CHECK(scored.length() == prompt.size());
  CHECK(scored.pending() == std::nullopt);
  CHECK(support::refusal<bora::ConfigError>([&] { scored.score(tiny::text(2, 10)); }) ==
        "score: 10 tokens are to be scored, expected at most the 9 of the session's option `scored`");
  CHECK(support::refusal<bora::TokenError>([&] { scored.score({}); }) ==
        "score: no tokens given, expected at least one");
  CHECK(support::refusal<bora::ConfigError>([&] {
          Session impossible{tiny::model<Whole>(), {.chunk = 4, .scored = 5}};
        }) == "session: scored is 5, expected at most the chunk of 4");
}

TEST_CASE("Speculative decoding gives the text of plain decoding, for every seed and draft", "[infer]") {
  const double temperature = GENERATE(0.0, 0.7, 1.5);
  const std::size_t wrong_each = GENERATE(0u, 1u, 2u, 3u, 7u);
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const GenerateOptions options{.temperature = temperature,
                                  .top_p = 0.95,
                                  .repetition_penalty = seed % 2 == 0 ? 1.0 : 1.3,
                                  .max_tokens = 20 + seed,
                                  .seed = seed,
                                  .stop = {seed == 3 ? 11 : 98}};
    Session plain{tiny::model<Whole>(), scoring}, speculative{tiny::model<Whole>(), scoring};
    const Text expected = read(plain, bora::generate(plain, prompt, options));
    Oracle oracle{prompt, wrong_each};
    oracle.text.insert(oracle.text.end(), expected.tokens.begin(), expected.tokens.end());
    for (const std::size_t most : {1u, 4u, 8u}) {
      speculative.reset();
      CHECK(read(speculative, bora::generate_speculative(speculative, oracle, prompt, options, most)) == expected);
      // Leaving the loop early leaves both sessions alike.
      for (const std::size_t left : {1u, 2u, 6u}) {
        plain.reset();
        speculative.reset();
        const Text begun = read(plain, bora::generate(plain, prompt, options), left);
        CHECK(read(speculative, bora::generate_speculative(speculative, oracle, prompt, options, most), left) == begun);
      }
    }
  }
}

TEST_CASE("Right drafts save forward passes, and are counted", "[infer]") {
  Session plain{tiny::model<Whole>()}, session{tiny::model<Whole>(), scoring};
  const GenerateOptions options{.temperature = 0, .max_tokens = 25};
  Oracle oracle{prompt};
  const Text expected = read(plain, bora::generate(plain, prompt, options));
  oracle.text.insert(oracle.text.end(), expected.tokens.begin(), expected.tokens.end());
  auto text = bora::generate_speculative(session, oracle, prompt, options, 5);
  for ([[maybe_unused]] const bora::TokenId t : text) {
  }
  CHECK(text.counts().passes == 4);  // of the 24 tokens after the first, 6 a pass
  CHECK(text.counts().accepted == 20);
  CHECK(text.counts().drafted == 20);
}

TEST_CASE("Speculation ends as plain decoding where the session is full, and works with constraints", "[infer]") {
  Session plain{tiny::model<Whole>(), {.capacity = 18}}, session{tiny::model<Whole>(), {.capacity = 18, .scored = 6}};
  bora::PromptLookup lookup;
  const Text expected = read(plain, bora::generate(plain, prompt, {.temperature = 0}));
  CHECK(expected.reason == FinishReason::full);
  CHECK(read(session, bora::generate_speculative(session, lookup, prompt, {.temperature = 0})) == expected);

  std::vector<std::string> bytes(vocabulary);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::string(1, "{}\":,a1 [] "[i % 11]);
  const bora::TokenBytes texts(bytes);
  Session one{tiny::model<Whole>()}, two{tiny::model<Whole>(), scoring};
  bora::JsonConstraint json(texts), again(texts);
  const Text constrained = read(one, bora::generate(one, prompt, {.max_tokens = 30, .seed = 2, .constraint = &json}));
  CHECK(read(two, bora::generate_speculative(two, lookup, prompt,
                                             {.max_tokens = 30, .seed = 2, .constraint = &again})) == constrained);
}

TEST_CASE("A draft model that is the model itself is always right", "[infer]") {
  const double temperature = GENERATE(0.0, 1.0);
  Session plain{tiny::model<Window>()}, session{tiny::model<Window>(), scoring};
  const GenerateOptions options{.temperature = temperature, .max_tokens = 41, .seed = 8};
  const Text expected = read(plain, bora::generate(plain, prompt, options));
  Session small{tiny::model<Window>(), {.rewind = 8}};
  bora::DraftModel draft{small};
  auto text = bora::generate_speculative(session, draft, prompt, options, 4);
  CHECK(read(session, text) == expected);
  CHECK(text.counts().accepted == text.counts().drafted);
  CHECK(text.counts().passes == 8);

  // Another model guesses worse, and the text stays.
  session.reset();
  Session other{tiny::model<Whole>()};
  bora::DraftModel wrong{other};
  auto again = bora::generate_speculative(session, wrong, prompt, options, 4);
  CHECK(read(session, again) == expected);
  CHECK(again.counts().accepted < again.counts().drafted);
  CHECK(support::refusal<bora::ConfigError>([&] { bora::DraftModel{other}; }).find("expected an empty one") !=
        std::string::npos);
  CHECK(support::refusal<bora::ConfigError>([&] { bora::generate_speculative(session, wrong, prompt, {}, 9); }) ==
        "generate_speculative: the session's option `scored` is 9, expected at least 10: one more than the drafts");
}

TEST_CASE("Sampled text has the model's distribution, with drafts and without", "[infer]") {
  // Pairs of tokens after a prompt, of the six most probable ones each: exact probabilities against many seeds.
  Session exact{tiny::model<Whole>()};
  std::map<Tokens, double> expected;
  const auto shares = [](const tiny::Logits& logits) {
    std::vector<std::pair<bora::TokenId, double>> six;
    double sum = 0;
    for (const auto& t : bora::log_probabilities(logits, 0, 6).top)
      six.emplace_back(t.token, std::exp(t.log_probability)), sum += six.back().second;
    for (auto& [token, p] : six) p /= sum;
    return six;
  };
  for (const auto& [a, p] : shares(tiny::copy(exact.prefill(prompt)))) {
    for (const auto& [b, q] : shares(tiny::copy(exact.step(a)))) expected[{a, b}] = p * q;
    exact.rewind(prompt.size());
  }
  Session small{tiny::model<Window>(), {.rewind = 8}};
  bora::DraftModel draft{small};
  Session session{tiny::model<Whole>(), scoring};
  std::map<Tokens, double> seen;
  constexpr std::size_t texts = 3'000;
  for (std::uint64_t seed = 0; seed < texts; ++seed) {
    session.reset();
    ++seen[read(session,
                bora::generate_speculative(session, draft, prompt, {.top_k = 6, .max_tokens = 2, .seed = seed}, 4))
               .tokens];
  }
  double chi_square = 0;
  for (const auto& [pair, p] : expected) {
    const double want = p * static_cast<double>(texts), found = seen[pair];
    chi_square += (found - want) * (found - want) / want;
  }
  CHECK(seen.size() == expected.size());  // no other pair occurs
  CHECK(chi_square < 35 + 4 * std::sqrt(70.0));
}

TEST_CASE("Prompt lookup proposes what followed the last occurrence of the longest ending", "[infer]") {
  const auto proposed = [](const Tokens& text, std::size_t most, bora::PromptLookup lookup = {}) {
    Tokens drafts;
    lookup.propose(text, most, bora::Sampler(), drafts);
    return drafts;
  };
  CHECK(proposed({1, 2, 3, 4, 5, 1, 2, 3}, 2) == Tokens{4, 5});
  CHECK(proposed({1, 2, 3, 9, 2, 3, 8, 1, 2, 3}, 9) == Tokens{9, 2, 3, 8, 1, 2, 3});
  CHECK(proposed({7, 3, 8, 4, 3, 6, 3}, 2) == Tokens{6, 3});
  CHECK(proposed({7, 3, 8, 4, 3}, 2, {.shortest = 2}).empty());
  CHECK(proposed({5, 5}, 3) == Tokens{5});
  CHECK(proposed({1, 2, 3}, 3).empty());
  CHECK(proposed({}, 3).empty());
}
