/// Finds the id of a token by its bytes, in constant time.
#pragma once
#include <bora/core/tensor.hpp>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// A hash table with open addressing. An entry holds the first eight bytes, so most look-ups read one cache line.
/// Hashes depend on a number that is drawn for each table, so a file cannot choose tokens that collide.
class TokenTable {
 public:
  TokenTable() = default;
  /// \param tokens  by id; they must outlive the table
  /// \param wanted  of each id: whether it is to be found; empty tokens never are
  template <class Wanted>
  TokenTable(const std::vector<std::string>& tokens, Wanted wanted) : tokens_(&tokens) {
    std::size_t count = 0;
    for (std::size_t id = 0; id < tokens.size(); ++id) count += !tokens[id].empty() && wanted(id);
    entries_.resize(std::bit_ceil(count * 2 + 2));
    mask_ = entries_.size() - 1;
    secret_ = std::random_device()() * 2ull + 1;
    for (std::size_t id = 0; id < tokens.size(); ++id)
      if (!tokens[id].empty() && wanted(id)) insert(static_cast<TokenId>(id));
  }

  /// The id of a token, or -1; the smallest where several are spelled so.
  TokenId find(std::string_view token) const noexcept {
    if (entries_.empty() || token.empty()) return -1;
    const Key key(token, secret_);
    for (std::size_t at = key.hash & mask_;; at = (at + 1) & mask_) {
      const Entry& entry = entries_[at];
      if (entry.length == 0) return -1;
      if (entry.beginning == key.beginning && entry.length == token.size() &&
          (token.size() <= 8 || rest_is(entry.id, token)))
        return entry.id;
    }
  }
  /// Two ids with the same bytes, the smaller one first; {-1, -1} where all differ.
  std::pair<TokenId, TokenId> duplicate() const noexcept { return duplicate_; }

 private:
  struct Entry {
    std::uint64_t beginning = 0;
    std::uint32_t length = 0;
    TokenId id = -1;
  };
  struct Key {
    Key(std::string_view token, std::uint64_t secret) noexcept {
      beginning = word(token.data(), token.size());
      std::uint64_t h = mix(beginning ^ secret, secret + token.size());
      for (std::size_t at = 8; at < token.size(); at += 8)
        h = mix(h ^ word(token.data() + at, token.size() - at), secret + at);
      hash = static_cast<std::size_t>(h);
    }
    static std::uint64_t word(const char* bytes, std::size_t size) noexcept {
      std::uint64_t value = 0;
      std::memcpy(&value, bytes, size < 8 ? size : 8);
      return value;
    }
    static std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
      a = (a ^ a >> 32) * (0x9e3779b97f4a7c15ull ^ b);
      return a ^ a >> 29;
    }
    std::uint64_t beginning;
    std::size_t hash;
  };

  bool rest_is(TokenId id, std::string_view token) const noexcept {
    return std::memcmp((*tokens_)[static_cast<std::size_t>(id)].data() + 8, token.data() + 8, token.size() - 8) == 0;
  }
  void insert(TokenId id) {
    const std::string& token = (*tokens_)[static_cast<std::size_t>(id)];
    if (const TokenId there = find(token); there >= 0) {
      if (duplicate_.first < 0) duplicate_ = {there, id};
      return;
    }
    const Key key(token, secret_);
    std::size_t at = key.hash & mask_;
    while (entries_[at].length != 0) at = (at + 1) & mask_;
    entries_[at] = {key.beginning, static_cast<std::uint32_t>(token.size()), id};
  }

  const std::vector<std::string>* tokens_ = nullptr;
  std::vector<Entry> entries_;
  std::size_t mask_ = 0;
  std::uint64_t secret_ = 1;
  std::pair<TokenId, TokenId> duplicate_{-1, -1};
};

}}}  // namespace bora::BORA_ABI::detail
