/// The values of Jinja templates: JSON, where a discarded value is an undefined one, and what can be done with them.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/jinja_lexer.hpp>
#include <bora/io/json.hpp>
#include <bora/text/added_tokens.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Methods, filters, tests and operators. They throw JinjaError for those that they do not know.
struct JinjaValues {
  /// Values in order and by name.
  struct Arguments {
    std::vector<Json> values;
    Json named = Json::object();
    Json at(std::size_t i, Json otherwise) const { return i < values.size() ? values[i] : otherwise; }
    std::string text(std::size_t i) const {
      if (i >= values.size() || !values[i].is_string()) throw JinjaError("calls a function without the text it takes");
      return values[i].get<std::string>();
    }
  };
  static bool contains(const Json& whole, const Json& part) {
    if (whole.is_string() && part.is_string())
      return whole.get_ref<const std::string&>().find(part.get_ref<const std::string&>()) != std::string::npos;
    if (whole.is_object() && part.is_string()) return whole.contains(part.get_ref<const std::string&>());
    return whole.is_array() && std::find(whole.begin(), whole.end(), part) != whole.end();
  }
  static Json added(const Json& a, const Json& b) {
    if (a.is_string() && b.is_string()) return a.get<std::string>() + b.get<std::string>();
    if (a.is_array() && b.is_array()) {
      Json both = a;
      both.insert(both.end(), b.begin(), b.end());
      return both;
    }
    return number(a) + number(b);
  }
  /// Refuses a value that a template lets grow.
  static Json limited(Json value) {
    constexpr std::size_t most_text = 1'000'000, most_items = 100'000;
    if (value.is_string() ? value.get_ref<const std::string&>().size() > most_text
                          : value.is_array() && value.size() > most_items)
      throw JinjaError("makes a value that is too large");
    return value;
  }
  static std::int64_t number(const Json& value) {
    if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
    if (!value.is_number_integer()) throw JinjaError("computes with something that is no whole number");
    const auto n = value.get<std::int64_t>();
    constexpr std::int64_t most = std::int64_t{1} << 31;
    if (n < -most || n > most) throw JinjaError("computes with a number that is too large");
    return n;
  }
  static Json member(const Json& value, const std::string& key) {
    return value.is_object() && value.contains(key) ? value[key] : undefined();
  }
  static Json slice(const Json& value, const std::optional<Json>& first, const std::optional<Json>& last,
                    std::int64_t stride) {
    if (stride == -1 && !first && !last && value.is_array())
      return Json(std::vector<Json>(value.rbegin(), value.rend()));
    if (stride != 1 || (!value.is_array() && !value.is_string())) throw JinjaError("takes a part of what has none");
    const auto size =
        static_cast<std::int64_t>(value.is_string() ? value.get_ref<const std::string&>().size() : value.size());
    const auto place = [&](const std::optional<Json>& at, std::int64_t otherwise) {
      std::int64_t n = at && !at->is_null() ? number(*at) : otherwise;
      if (n < 0) n += size;
      return std::clamp<std::int64_t>(n, 0, size);
    };
    const std::int64_t begin = place(first, 0), end = std::max(begin, place(last, size));
    if (value.is_string())
      return value.get<std::string>().substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    return Json(std::vector<Json>(value.begin() + begin, value.begin() + end));
  }

  static Json text_method(const std::string& text, const std::string& called, const Arguments& given) {
    if (called == "strip") return stripped(text, given, true, true);
    if (called == "lstrip") return stripped(text, given, true, false);
    if (called == "rstrip") return stripped(text, given, false, true);
    if (called == "startswith") return text.starts_with(given.text(0));
    if (called == "endswith") return text.ends_with(given.text(0));
    if (called == "upper" || called == "lower") return cased(text, called == "upper");
    if (called == "replace") return replaced(text, given.text(0), given.text(1));
    if (called == "split") {
      Json parts = Json::array();
      const std::string by = given.text(0);
      if (by.empty()) throw JinjaError("splits a text by nothing");
      std::size_t begin = 0;
      for (std::size_t at; (at = text.find(by, begin)) != text.npos; begin = at + by.size())
        parts.push_back(text.substr(begin, at - begin));
      parts.push_back(text.substr(begin));
      return parts;
    }
    throw JinjaError(message("calls the method ", printable(called)));
  }
  static std::string stripped(std::string_view text, const Arguments& given, bool left, bool right) {
    const std::string set = given.values.empty() ? " \t\n\r\v\f" : given.text(0);
    while (left && !text.empty() && set.find(text.front()) != set.npos) text.remove_prefix(1);
    while (right && !text.empty() && set.find(text.back()) != set.npos) text.remove_suffix(1);
    return std::string(text);
  }
  static std::string cased(std::string text, bool upper) {
    for (char& c : text)
      if (upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z') c = static_cast<char>(c ^ 0x20);
    return text;
  }
  static const std::string& limited_text(const std::string& more, const std::string& text) {
    if (text.size() + more.size() > 1'000'000) throw JinjaError("makes a text that is too large");
    return more;
  }
  static std::string replaced(const std::string& text, const std::string& from, const std::string& to) {
    if (from.empty()) throw JinjaError("replaces nothing");
    std::string out;
    std::size_t begin = 0;
    for (std::size_t at; (at = text.find(from, begin)) != text.npos; begin = at + from.size())
      out += text.substr(begin, at - begin) + limited_text(to, out);
    return out + text.substr(begin);
  }
  static Json filtered(const Json& value, const std::string& filter, const Arguments& given) {
    if (filter == "trim") return std::string(trimmed(text_of(value)));
    if (filter == "string" || filter == "safe") return text_of(value);
    if (filter == "length" || filter == "count")
      return value.is_string() ? value.get_ref<const std::string&>().size() : is_undefined(value) ? 0 : value.size();
    if (filter == "tojson") return value.dump();
    if (filter == "upper" || filter == "lower") return cased(text_of(value), filter == "upper");
    if (filter == "default" || filter == "d") return is_undefined(value) ? given.at(0, "") : value;
    if (filter == "list") return elements(value);
    if (filter == "replace") return replaced(text_of(value), given.text(0), given.text(1));
    if ((filter == "first" || filter == "last") && value.is_array())
      return value.empty() ? undefined() : filter == "first" ? value.front() : value.back();
    if (filter == "join") {
      std::string all;
      for (const Json& item : elements(value))
        all += limited_text((all.empty() ? "" : text_of(given.at(0, ""))) + text_of(item), all);
      return all;
    }
    if (filter == "items") {
      Json all = Json::array();
      for (const auto& [key, member] : value.items()) all.push_back(Json::array({key, member}));
      return all;
    }
    throw JinjaError(message("uses the filter ", printable(filter)));
  }
  static bool test(const Json& value, const std::string& called) {
    if (called == "defined") return !is_undefined(value);
    if (called == "undefined") return is_undefined(value);
    if (called == "none") return value.is_null();
    if (called == "string") return value.is_string();
    if (called == "mapping") return value.is_object();
    if (called == "iterable" || called == "sequence")
      return value.is_array() || value.is_string() || (called == "iterable" && value.is_object());
    if (called == "number" || called == "integer") return value.is_number();
    if (called == "boolean") return value.is_boolean();
    if (called == "true" || called == "false") return value == (called == "true");
    throw JinjaError(message("uses the test ", printable(called)));
  }

  static Json undefined() { return Json(Json::value_t::discarded); }
  static bool is_undefined(const Json& value) { return value.is_discarded(); }
  static bool truth(const Json& value) {
    if (is_undefined(value) || value.is_null()) return false;
    if (value.is_boolean()) return value.get<bool>();
    if (value.is_number()) return value != 0;
    return value.is_string() ? !value.get_ref<const std::string&>().empty() : !value.empty();
  }
  static std::string text_of(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (is_undefined(value)) return "";
    if (value.is_null()) return "None";
    if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
    if (value.is_number()) return value.dump();
    throw JinjaError("writes a list or an object");
  }
  static Json elements(const Json& value) {
    if (value.is_array()) return value;
    Json all = Json::array();
    if (value.is_object())
      for (const auto& [key, member] : value.items()) all.push_back(key);
    else if (!is_undefined(value))
      throw JinjaError("walks through something that is no list");
    return all;
  }
};

}}}  // namespace bora::BORA_ABI::detail
