#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/text/piece_index.hpp>
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using bora::detail::PieceIndex, bora::TokenId;

TEST_CASE("A piece is found by its text, and nothing else is", "[text]") {
  const std::vector<std::string> pieces{"b",   "", "a", "abcdefgh", "abcdefghi", "abcdefg", std::string("a\0", 2),
                                        "\xff"};
  const PieceIndex index(pieces);
  for (std::size_t id = 0; id < pieces.size(); ++id)
    CHECK(index.find(pieces[id]) == (pieces[id].empty() ? -1 : static_cast<TokenId>(id)));
  for (const char* other : {"c", "ab", "abcdefghj", "abcdefghij", "\xfe"}) CHECK(index.find(other) == -1);
  CHECK(index.duplicate() == std::pair<TokenId, TokenId>(-1, -1));
}

TEST_CASE("Many pieces with the same beginning are told apart", "[text]") {
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < 2000; ++i) pieces.push_back("the same beginning " + std::to_string(i * 7919 % 2000));
  const PieceIndex index(pieces);
  for (std::size_t id = 0; id < pieces.size(); ++id) CHECK(index.find(pieces[id]) == static_cast<TokenId>(id));
  pieces.push_back(pieces[1234]);
  CHECK(PieceIndex(pieces).duplicate() == std::pair<TokenId, TokenId>(1234, 2000));
}
