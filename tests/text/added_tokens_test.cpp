#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/text/added_tokens.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace {

using bora::AddedToken, bora::detail::AddedTokenSet, bora::detail::AddedTokenSplitter;

/// "text|<id>text": what a text is cut into, arriving `step` bytes at a time; 0: at once.
std::string cut(const AddedTokenSet& set, std::string_view text, std::size_t step = 0) {
  AddedTokenSplitter splitter(set);
  std::string out;
  const auto plain = [&](std::string_view part) { out += part; };
  const auto token = [&](bora::TokenId id) { out += "<" + std::to_string(id) + ">"; };
  if (step == 0) step = text.size() + 1;
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size())))
    splitter.push(text.substr(0, step), plain, token);
  splitter.finish(plain, token);
  return out;
}

}  // namespace

TEST_CASE("White space is Unicode's", "[text]") {
  for (const std::string space : {" ", "\t", "\n", "\r", "\v", "\f", "\u0085", "\u00a0", "\u1680", "\u2000", "\u200a",
                                  "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"}) {
    CHECK(bora::detail::white_space(space + "a") == space.size());
    CHECK(bora::detail::without_trailing_space("a" + space + space) == 1);
  }
  for (const char* other : {"", "a", "\u200b", "\u2581", "\ufeff", "\xe3\x80", "\x80"})
    CHECK(bora::detail::white_space(other) == 0);
}

TEST_CASE("The longest token that begins leftmost is cut out", "[text]") {
  const AddedTokenSet set({{.id = 1, .content = "ab"},
                           {.id = 2, .content = "abcd"},
                           {.id = 3, .content = "bc"},
                           {.id = 4, .content = "abce"}});
  for (const std::size_t step : {0u, 1u, 2u, 3u, 5u}) {
    CHECK(cut(set, "xabcdx", step) == "x<2>x");
    CHECK(cut(set, "xabcx", step) == "x<1>cx");
    CHECK(cut(set, "abcabce", step) == "<1>c<4>");
    CHECK(cut(set, "xbcab", step) == "x<3><1>");
    CHECK(cut(set, "abc", step) == "<1>c");
    CHECK(cut(set, "a", step) == "a");
    CHECK(cut(set, "", step).empty());
    CHECK(cut(AddedTokenSet(), "abcd", step) == "abcd");
  }
}

TEST_CASE("Tokens take the white space beside them", "[text]") {
  const AddedTokenSet set({{.id = 1, .content = "[L]", .lstrip = true}, {.id = 2, .content = "[R]", .rstrip = true}});
  for (const std::size_t step : {0u, 1u, 2u, 3u, 4u, 7u}) {
    CHECK(cut(set, "a \n\u3000[L] b", step) == "a<1> b");
    CHECK(cut(set, "a [R] \u3000\t b ", step) == "a <2>b ");
    CHECK(cut(set, "  [L][R]  ", step) == "<1><2>");
    CHECK(cut(set, "[R] [L]", step) == "<2><1>");
    CHECK(cut(set, "a \u3000", step) == "a \u3000");
  }
}

TEST_CASE("Where a text is cut into parts does not matter", "[text]") {
  const AddedTokenSet set({{.id = 1, .content = "aab", .lstrip = true},
                           {.id = 2, .content = "ab", .rstrip = true},
                           {.id = 3, .content = "b a"},
                           {.id = 4, .content = "\u3042"}});
  bora::Random random(1);
  for (std::size_t round = 0; round < 300; ++round) {
    std::string text;
    for (std::size_t n = random.below(40); n > 0; --n)
      text += std::array<std::string_view, 6>{"a", "b", " ", "\u3000", "\u3042", "\xe3"}[random.below(6)];
    INFO(text);
    for (const std::size_t step : {1u, 2u, 3u, 5u, 8u}) CHECK(cut(set, text, step) == cut(set, text));
  }
}
