// JSON as the commands print it.
#pragma once
#include <charconv>
#include <cmath>
#include <span>
#include <string>
#include <string_view>

namespace command {

/// The shortest text that reads back to the same number; null where it is none.
template <class T>
void add_number(std::string& text, T number) {
  if constexpr (std::is_floating_point_v<T>)
    if (!std::isfinite(number)) {
      text += "null";
      return;
    }
  char digits[32];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

/// "[1, 2, 3]"
template <class Numbers>
std::string json_list(const Numbers& numbers) {
  std::string text = "[";
  for (const auto number : numbers) {
    if (text.size() > 1) text += ", ";
    add_number(text, number);
  }
  return text + "]";
}

/// A string of JSON; bytes that are no UTF-8 become U+FFFD.
std::string json_text(std::string_view text);

}  // namespace command
