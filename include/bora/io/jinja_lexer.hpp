/// The parts of a Jinja template: text, expressions and statements, each cut into words.
#pragma once
#include <bora/core/error.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// A word of an expression or statement.
struct JinjaWord {
  enum class Kind { name, text, number, sign, end };
  Kind kind = Kind::end;
  std::string text;
};

/// A piece of a template, in its order.
struct JinjaPiece {
  enum class Kind { text, expression, statement };
  Kind kind = Kind::text;
  std::string text;
  std::vector<JinjaWord> words = {};
};

/// A template that cannot be read. what() is a clause.
class JinjaError : public Error {
 public:
  using Error::Error;
};

/// Cuts a template as transformers does: with trim_blocks and lstrip_blocks.
class JinjaLexer {
 public:
  static std::vector<JinjaPiece> pieces(std::string_view source) {
    JinjaLexer lexer(source);
    while (!lexer.rest_.empty()) lexer.next();
    return std::move(lexer.pieces_);
  }

 private:
  explicit JinjaLexer(std::string_view source) : rest_(source) {}

  void next() {
    std::size_t open = rest_.find('{');
    while (open != rest_.npos &&
           (open + 1 == rest_.size() || std::string_view("{%#").find(rest_[open + 1]) == std::string_view::npos))
      open = rest_.find('{', open + 1);
    if (open == rest_.npos) return add_text(std::exchange(rest_, {}));
    const char kind = rest_[open + 1];
    std::string_view before = rest_.substr(0, open);
    rest_.remove_prefix(open + 2);
    if (rest_.starts_with('-')) {
      rest_.remove_prefix(1);
      while (!before.empty() && space(before.back())) before.remove_suffix(1);
    } else if (rest_.starts_with('+')) {
      rest_.remove_prefix(1);
    } else if (kind != '{') {
      strip_line(before);
    }
    add_text(before);
    add_tag(kind);
  }
  static bool space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
  /// A statement that is alone on its line so far takes the white space in front of it.
  void strip_line(std::string_view& before) const {
    std::size_t end = before.size();
    while (end > 0 && (before[end - 1] == ' ' || before[end - 1] == '\t')) --end;
    const bool line_begins = end > 0 ? before[end - 1] == '\n' : (pieces_.empty() || line_begins_);
    if (line_begins) before = before.substr(0, end);
  }
  void add_text(std::string_view text) {
    if (text.empty()) return;
    pieces_.push_back({JinjaPiece::Kind::text, std::string(text)});
  }

  void add_tag(char kind) {
    const std::string close = kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
    JinjaPiece piece{kind == '{' ? JinjaPiece::Kind::expression : JinjaPiece::Kind::statement, ""};
    bool strips = false;
    if (kind == '#') {
      const std::size_t end = rest_.find(close);
      if (end == rest_.npos) throw JinjaError("has a comment without an end");
      strips = end > 0 && rest_[end - 1] == '-';
      rest_.remove_prefix(end + 2);
    } else {
      for (skip_space(); !rest_.starts_with(close) && !rest_.starts_with("-" + close); skip_space())
        piece.words.push_back(word());
      strips = rest_.starts_with('-');
      rest_.remove_prefix(strips ? 3 : 2);
      pieces_.push_back(std::move(piece));
    }
    line_begins_ = false;
    if (strips) {
      while (!rest_.empty() && space(rest_[0])) rest_.remove_prefix(1);
    } else if (kind != '{' && rest_.starts_with('\n')) {
      rest_.remove_prefix(1);
      line_begins_ = true;
    }
  }

  void skip_space() noexcept {
    while (!rest_.empty() && space(rest_[0])) rest_.remove_prefix(1);
  }
  JinjaWord word() {
    if (rest_.empty()) throw JinjaError("has a tag without an end");
    const char c = rest_[0];
    if (c == '\'' || c == '"') return quoted();
    if (letter(c)) return {JinjaWord::Kind::name, take(&JinjaLexer::name_part)};
    if (c >= '0' && c <= '9') return {JinjaWord::Kind::number, take(&JinjaLexer::number_part)};
    for (const std::string_view two : {"==", "!=", "<=", ">=", "//", "**"})
      if (rest_.starts_with(two)) return sign(2);
    if (std::string_view("+-*/%~|.,:()[]{}=<>").find(c) == std::string_view::npos)
      throw JinjaError(message("has the character ", static_cast<int>(static_cast<unsigned char>(c)), " in a tag"));
    return sign(1);
  }
  JinjaWord sign(std::size_t length) {
    const JinjaWord found{JinjaWord::Kind::sign, std::string(rest_.substr(0, length))};
    rest_.remove_prefix(length);
    return found;
  }
  static bool letter(char c) noexcept { return c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }
  static bool name_part(char c) noexcept { return letter(c) || c == '_' || (c >= '0' && c <= '9'); }
  static bool number_part(char c) noexcept { return (c >= '0' && c <= '9'); }
  std::string take(bool (*part)(char)) {
    std::size_t end = 1;
    while (end < rest_.size() && part(rest_[end])) ++end;
    const std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return text;
  }
  JinjaWord quoted() {
    JinjaWord found{JinjaWord::Kind::text, ""};
    const char quote = rest_[0];
    for (rest_.remove_prefix(1); !rest_.empty() && rest_[0] != quote; rest_.remove_prefix(1)) {
      if (rest_[0] != '\\' || rest_.size() < 2) {
        found.text += rest_[0];
        continue;
      }
      rest_.remove_prefix(1);
      const char c = rest_[0];
      found.text += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    }
    if (rest_.empty()) throw JinjaError("has a text without an end");
    rest_.remove_prefix(1);
    return found;
  }

  std::string_view rest_;
  std::vector<JinjaPiece> pieces_;
  bool line_begins_ = false;
};

}}}  // namespace bora::BORA_ABI::detail
