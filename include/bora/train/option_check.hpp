/// Options that must be numbers of a certain kind.
#pragma once
#include <bora/core/error.hpp>
#include <cmath>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Throws ConfigError, "WHO: NAME is -1, expected EXPECTED", unless `holds`.
inline void check_option(bool holds, std::string_view who, std::string_view name, double value,
                         std::string_view expected) {
  if (!holds) throw ConfigError(message(who, ": ", name, " is ", value, ", expected ", expected));
}
inline void check_finite(std::string_view who, std::string_view name, double value) {
  check_option(std::isfinite(value), who, name, value, "a finite number");
}
inline void check_not_negative(std::string_view who, std::string_view name, double value) {
  check_option(std::isfinite(value) && value >= 0, who, name, value, "a finite number from 0");
}

}}}  // namespace bora::BORA_ABI::detail
