// Whole numbers of the command line.
#pragma once
#include <bora/core/error.hpp>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace arguments {

/// Argument `index`, a whole number of `least` or more; `otherwise` where there is none. `name` is what the usage calls
/// it. Throws ConfigError for anything else.
inline std::uint64_t number(int argc, const char* const* argv, int index, std::string_view name,
                            std::uint64_t otherwise, std::uint64_t least = 1) {
  if (index >= argc) return otherwise;
  const std::string_view text = argv[index];
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least)
    throw bora::ConfigError(std::string(name) + " is \"" + std::string(text) + "\", expected a whole number, " +
                            std::to_string(least) + " or more");
  return value;
}

}  // namespace arguments
