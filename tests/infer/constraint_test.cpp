// What a text may consist of, and where it ends: constraints, JSON, stop strings.
#include "infer/tiny.hpp"
#include <bora/infer/generate_text.hpp>
#include <bora/infer/json_recogniser.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using bora::FinishReason;
using bora::JsonRecogniser;
using bora::JsonRules;
using tiny::Tokens;

using Whole = tiny::Masked<bora::Causal>;

/// "yes": complete; "open": may go on; "no": no JSON begins so.
std::string judged(std::string_view text, const JsonRules& rules = {.object = false}) {
  JsonRecogniser json(rules);
  for (const char c : text)
    if (!json.push(static_cast<unsigned char>(c))) return "no";
  return json.may_end() ? "yes" : "open";
}

/// Tokens whose text is a byte or a few.
const std::vector<std::string> pieces = {"{",    "}", "[",    "]",     "\"", ":",    ",",    " ",    "a",     "\\",
                                         "u",    "1", "-",    ".",     "e",  "true", "\": ", "\"}",  "{\"",   "\xc3",
                                         "\xa9", "0", "null", "",      "x",  "[1",   ", \"", "\n",   "false", "}}",
                                         "ab",   "9", "12",   "\"a\"", "]}", "\x01", "d8",   "\xff", "7",     "tru"};

/// A decoder of `pieces`, as a tokenizer's stream.
struct Spelling {
  std::string push(bora::TokenId token) { return pieces[static_cast<std::size_t>(token)]; }
  std::string finish() { return "$"; }
};

std::string let_through(bora::StopStrings stops, const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += stops.push(part);
  return text + stops.finish();
}

}  // namespace

TEST_CASE("JSON is recognised byte by byte, and nothing else", "[infer]") {
  for (const char* text : {"0", "-0.5e+10", "12", "\"\"", "\"a\\n\\u00e9\\\"\"", "true", "null", "[]", "[ ]", "{}",
                           "[1,2]", " [ 1 , 2 ]", "{\"a\":{\"b\":[{},[],\"\",-1]}}", "{ \"a\" : 1 , \"\" : null }",
                           "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "[1.5e3,0,-0]", "\"\\ud7ff\"", "\"\\ue000\""})
    CHECK(judged(text) == "yes");
  for (const char* text : {"", "-", "1.", "1e", "1e+", "\"", "\"\\", "\"\\u12", "tru", "[", "[1,", "{", "{\"a\"",
                           "{\"a\":", "{\"a\":1,", "\"\xc3", "  "})
    CHECK(judged(text) == "open");
  for (const char* text : {"01",         "+1",        ".5",        "1..",    "1e5.",   "--",         "tru3",
                           "True",       "[1 2",      "[,",        "[1,]",   "{1",     "{,",         "{\"a\":1,}",
                           "{\"a\",",    "{\"a\":}",  "]",         "}",      "[}",     "{]",         "\"\n",
                           "\"\\x",      "\"\\ud800", "\"\\uDFFF", "\"\\ug", "\"\x80", "\"\xc0\x80", "\"\xed\xa0\x80",
                           "\"\xf4\x90", "\"\xff",    "{} ",       "[] x",   "\"a\"b", "nul\"",      "\x01"})
    CHECK(judged(text) == "no");
}

TEST_CASE("An object may be asked for, and whitespace and depth have an end", "[infer]") {
  CHECK(judged("{}", {}) == "yes");
  CHECK(judged("[", {}) == "no");
  CHECK(judged("1", {}) == "no");
  CHECK(judged(" {\"a\":[1]}", {}) == "yes");
  CHECK(judged("[   1   ]", {.object = false, .whitespace = 3}) == "yes");
  CHECK(judged("[    ", {.object = false, .whitespace = 3}) == "no");
  CHECK(judged(std::string(64, '[') + std::string(64, ']')) == "yes");
  CHECK(judged(std::string(65, '[')) == "no");
}

TEST_CASE("A constraint lets exactly those tokens through whose bytes may follow", "[infer]") {
  const bora::TokenBytes bytes(pieces);
  constexpr bora::TokenId end = 24;
  for (const char* begun : {"", "{", "{\"", "{\"a\": [1", "{\"\xc3", "{\"\\u", "{\"a\":-1.5", "{\"a\":tr", "{}"}) {
    JsonRecogniser json;
    for (const char* c = begun; *c != '\0'; ++c) REQUIRE(json.push(static_cast<unsigned char>(*c)));
    bora::JsonConstraint constraint(bytes, {end}, json);
    std::vector<float> logits(pieces.size() + 3, 1.0f);  // the model has more ids than there are texts
    constraint.mask(logits);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      bool allowed = i < pieces.size() && !pieces[i].empty() && judged(begun + pieces[i], {}) != "no";
      if (i == end) allowed = judged(begun, {}) == "yes";
      CHECK((logits[i] == 1.0f) == allowed);
    }
    CHECK(constraint.complete() == (judged(begun, {}) == "yes"));
  }
  bora::JsonConstraint constraint(bytes, {end});
  CHECK(support::refusal<bora::Error>([&] { constraint.accept(1); }) ==
        "constraint: token 1 must not come here, but was drawn");
  CHECK(support::refusal<bora::Error>([&] { bora::JsonConstraint(bytes, {end}).accept(end); }).find("token 24") !=
        std::string::npos);
}

TEST_CASE("A model that knows no JSON writes an object all the same", "[infer]") {
  const bora::TokenBytes bytes(pieces);
  std::size_t complete = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    bora::Session session{tiny::model<Whole>()};
    bora::JsonConstraint json(bytes, {24});
    auto text = bora::generate_text(session, Spelling(), tiny::text(1, 3),
                                    {.max_tokens = 50, .seed = seed, .stop = {24}, .constraint = &json});
    std::string written;
    for (const std::string_view piece : text) written += piece;
    REQUIRE(written.ends_with('$'));
    written.pop_back();
    const bool done = text.finish_reason() == FinishReason::complete;
    CHECK(judged(written, {}) == (done ? "yes" : "open"));
    complete += done ? 1 : 0;
  }
  CHECK(complete > 5);
}

TEST_CASE("A function may change the logits of each step", "[infer]") {
  bora::Session session{tiny::model<Whole>()};
  Tokens tokens;
  const auto only_next = [](std::span<const bora::TokenId> drawn, std::span<float> logits) {
    const auto next = drawn.empty() ? 7u : static_cast<std::size_t>(drawn.back() + 1);
    for (std::size_t i = 0; i < logits.size(); ++i)
      if (i != next) logits[i] = -std::numeric_limits<float>::infinity();
  };
  for (const bora::TokenId t : bora::generate(session, tiny::text(1, 3), {.max_tokens = 5, .edit_logits = only_next}))
    tokens.push_back(t);
  CHECK(tokens == Tokens{7, 8, 9, 10, 11});
}

TEST_CASE("Log-probabilities are those of the model, whatever is drawn from", "[infer]") {
  bora::Session session{tiny::model<Whole>()}, other{tiny::model<Whole>()};
  auto logits = tiny::copy(other.prefill(tiny::text(1, 3)));
  auto text = bora::generate(session, tiny::text(1, 3),
                             {.temperature = 2, .top_k = 5, .max_tokens = 6, .seed = 4, .top_log_probabilities = 3});
  for (const bora::TokenId token : text) {
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    const auto expected = [&](bora::TokenId t) { return logits[static_cast<std::size_t>(t)] - std::log(sum); };
    const bora::LogProbabilities& found = text.log_probabilities();
    CHECK(found.chosen.token == token);
    CHECK(std::abs(found.chosen.log_probability - expected(token)) < 1e-9);
    REQUIRE(found.top.size() == 3);
    CHECK(found.top[0].token == bora::largest_logit(logits));
    CHECK(found.top[0].log_probability >= found.top[1].log_probability);
    CHECK(std::abs(found.top[2].log_probability - expected(found.top[2].token)) < 1e-9);
    CHECK(std::count_if(logits.begin(), logits.end(),
                        [&](float x) { return x > logits[static_cast<std::size_t>(found.top[2].token)]; }) == 2);
    logits = tiny::copy(other.step(token));
  }
  CHECK(bora::log_probabilities(std::vector<float>{0, 0, -std::numeric_limits<float>::infinity()}, 2)
            .chosen.log_probability == -std::numeric_limits<double>::infinity());
}

TEST_CASE("Text ends before a stop string, and no part of one comes out", "[infer]") {
  const bora::StopStrings stops({"User:", "\n\n", "Useless"});
  CHECK(let_through(stops, {"Hello Us", "er", ": more"}) == "Hello ");
  CHECK(let_through(stops, {"Hello Use", "d"}) == "Hello Used");
  CHECK(let_through(stops, {"a\n", "b\n", "\nc"}) == "a\nb");
  CHECK(let_through(stops, {"UseUse", "UseUser:"}) == "UseUseUse");
  CHECK(let_through(stops, {"Use"}) == "Use");  // it was no stop string after all
  CHECK(let_through(bora::StopStrings(), {"any", "thing"}) == "anything");
  bora::StopStrings held({"stop"});
  CHECK(held.push("text st") == "text ");
  CHECK(held.push("ar") == "star");
  CHECK(held.push("xsto") == "x");
  CHECK(!held.stopped_by());
  CHECK(held.push("p!") == "");
  CHECK(held.stopped_by() == "stop");
  CHECK(held.push("more") == "");
  CHECK(support::refusal<bora::ConfigError>([] { bora::StopStrings({""}); }) ==
        "a stop string is empty, expected at least one character");
}

TEST_CASE("Where a text is cut does not decide where it stops", "[infer]") {
  const std::string text = "abcabdabcabcd.abxab";
  for (const std::vector<std::string>& strings :
       {std::vector<std::string>{"abcd"}, {"bdab", "abcabd"}, {"cab", "b"}, {"xab", "abxab", "zz"}, {"q"}}) {
    std::string whole = let_through(bora::StopStrings(strings), {text});
    for (std::size_t a = 0; a <= text.size(); ++a)
      for (std::size_t b = a; b <= text.size(); ++b)
        CHECK(let_through(bora::StopStrings(strings), {text.substr(0, a), text.substr(a, b - a), text.substr(b)}) ==
              whole);
    for (const std::string& s : strings) CHECK(whole.find(s) == std::string::npos);
  }
}

TEST_CASE("Generated text stops at a string across tokens, and says why it ended", "[infer]") {
  const Tokens prompt = tiny::text(1, 3);
  const auto written = [&](std::vector<std::string> stops, std::size_t most) {
    bora::Session session{tiny::model<Whole>()};
    auto text = bora::generate_text(session, Spelling(), prompt, {.max_tokens = most, .seed = 5}, std::move(stops));
    std::string all;
    for (const std::string_view piece : text) {
      CHECK(!piece.empty());
      all += piece;
    }
    return std::pair(all, text.finish_reason());
  };
  const std::string whole = written({}, 30).first;
  CHECK(written({}, 30).second == FinishReason::max_tokens);
  REQUIRE(whole.size() > 20);
  for (const std::size_t at : {0, 7, 12}) {
    const std::string stop = whole.substr(at, 4);
    CHECK(written({stop}, 30) == std::pair(whole.substr(0, whole.find(stop)), FinishReason::stop_string));
  }
  CHECK(written({}, 0).first == "$");  // what the decoder had held back
}
