// Whole numbers of the command line.
#pragma once
#include <bora/core/error.hpp>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

namespace arguments {

/// Argument `index`, a whole number from `least` to `most`; `otherwise` where there is none. `name` is what the usage
/// calls it. Throws ConfigError for anything else.
inline std::uint64_t number(int argc, const char* const* argv, int index, std::string_view name,
                            std::uint64_t otherwise, std::uint64_t least = 1,
                            std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
  if (index >= argc) return otherwise;
  const std::string_view text = argv[index];
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    throw bora::ConfigError(
        std::string(name) + " is \"" + std::string(text) + "\", expected a whole number, " + std::to_string(least) +
        (most == std::numeric_limits<std::uint64_t>::max() ? " or more" : " to " + std::to_string(most)));
  return value;
}

}  // namespace arguments
