/// Numbers as they stand in sentences, and options that must be numbers of a certain kind.
#pragma once
#include <bora/core/error.hpp>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>

namespace bora::inline BORA_ABI::detail {

/// "0.01", "1e-50", "NaN".
inline std::string number_text(double number) {
  if (std::isnan(number)) return "NaN";
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%g", number);
  return text.data();
}

/// Throws ConfigError, "WHO: NAME is -1, expected EXPECTED", unless `holds`.
inline void check_option(bool holds, std::string_view who, std::string_view name, double value,
                         std::string_view expected) {
  if (!holds) throw ConfigError(message(who, ": ", name, " is ", number_text(value), ", expected ", expected));
}
inline void check_finite(std::string_view who, std::string_view name, double value) {
  check_option(std::isfinite(value), who, name, value, "a finite number");
}
inline void check_not_negative(std::string_view who, std::string_view name, double value) {
  check_option(std::isfinite(value) && value >= 0, who, name, value, "a finite number from 0");
}

}  // namespace bora::inline BORA_ABI::detail
