#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/text/merge_table.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

using bora::TokenId;
using bora::detail::CharacterTable, bora::detail::Merge, bora::detail::PairTable, bora::detail::PairMerge;

TEST_CASE("Characters are code points", "[text]") {
  CHECK(bora::detail::code_point("a") == U'a');
  CHECK(bora::detail::code_point("\u00e9") == U'\u00e9');
  CHECK(bora::detail::code_point("\u2581") == U'\u2581');
  CHECK(bora::detail::code_point("\U0001f680") == U'\U0001f680');
  CHECK(bora::detail::single_code_point("\U0010ffff") == 0x10ffff);
  for (const char* none : {"", "ab", "\xe2\x96", "\xff", "\u00e9x"}) CHECK(bora::detail::single_code_point(none) == -1);
}

TEST_CASE("A character has the id that it was given", "[text]") {
  CharacterTable table;
  const char32_t codes[] = {0, U'a', 0xff, 0x100, 0x2581, 0xffff, 0x10000, 0x10ffff};
  TokenId next = 5;
  for (const char32_t code : codes) table.set(code, next++);
  next = 5;
  for (const char32_t code : codes) CHECK(table.find(code) == next++);
  for (const char32_t code : {U'b', char32_t{0x101}, char32_t{0x2580}, char32_t{0x10fffe}})
    CHECK(table.find(code) == -1);
}

TEST_CASE("A pair is found in its row", "[text]") {
  bora::Random random(3);
  std::map<std::pair<TokenId, TokenId>, std::uint32_t> expected;
  std::vector<Merge> merges;
  for (std::uint32_t rank = 0; rank < 500; ++rank) {
    const auto left = static_cast<TokenId>(random.below(20)), right = static_cast<TokenId>(random.below(60));
    if (expected.emplace(std::pair(left, right), rank).second) merges.push_back({left, right, {rank, 7}});
  }
  const PairTable table(60, merges);
  CHECK(table.duplicate() == nullptr);
  for (TokenId left = 0; left < 60; ++left)
    for (TokenId right = 0; right < 60; ++right) {
      const PairMerge* found = table.find(left, right);
      const auto entry = expected.find({left, right});
      CHECK((found == nullptr) == (entry == expected.end()));
      if (found != nullptr) CHECK(found->rank == entry->second);
    }
  merges.push_back({merges[9].left, merges[9].right, {1000, 8}});
  const PairTable twice(60, merges);
  REQUIRE(twice.duplicate() != nullptr);
  CHECK(twice.duplicate()->rank == 1000);
}

TEST_CASE("A text can be cut where no merge reaches across", "[text]") {
  // ids: 0 "a", 1 "b", 2 "ab", 3 "c", 4 "abc"
  const std::vector<std::string> texts{"a", "b", "ab", "c", "abc"};
  bora::detail::MergeVocabulary v;
  for (const TokenId id : {0, 1, 3})
    v.characters.set(static_cast<char32_t>(texts[static_cast<std::size_t>(id)][0]), id);
  const std::vector<Merge> merges{{0, 1, {0, 2}}, {2, 3, {1, 4}}};
  v.set_merges(texts, merges);
  CHECK(v.seams.may_join(0, 1));  // a|b in "ab"
  CHECK(v.seams.may_join(1, 3));  // b|c in "abc"
  for (const auto& [left, right] : {std::pair{1, 0}, std::pair{0, 3}, std::pair{3, 0}, std::pair{0, 0}})
    CHECK_FALSE(v.seams.may_join(left, right));
}
