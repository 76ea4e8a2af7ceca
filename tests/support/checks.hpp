/// What tests of all rooms ask of results and refusals.
#pragma once
#include <cstring>
#include <span>
#include <string>

namespace support {

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// What an action is refused with; "accepted" where it is not.
template <class Refusal, class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const Refusal& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace support
