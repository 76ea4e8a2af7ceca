/// Evaluates the part of Jinja that chat templates are written in.
#pragma once
#include <bora/core/error.hpp>
#include <bora/io/jinja_lexer.hpp>
#include <bora/io/jinja_values.hpp>
#include <bora/io/json.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// One run of a template over values. Every construct that it does not know throws JinjaError; work and output are
/// limited, whatever the template asks for.
class JinjaRun : JinjaValues {
 public:
  /// The text that `source` writes. Throws JinjaError.
  static std::string render(std::string_view source, Json values) {
    JinjaRun run(JinjaLexer::pieces(source));
    run.scopes_.emplace_back();
    for (auto& [name, value] : values.items()) run.scopes_.back()[name] = value;
    run.block(0, run.pieces_.size());
    return std::move(run.out_);
  }

 private:
  using Kind = JinjaWord::Kind;
  using Words = std::vector<JinjaWord>;
  enum class Flow { on, leaves, again };

  explicit JinjaRun(std::vector<JinjaPiece> pieces) : pieces_(std::move(pieces)) {
    for (JinjaPiece& piece : pieces_) piece.words.push_back({});
  }

  // Statements. A block is a range of pieces; each statement that opens one finds its end.

  std::string_view keyword(std::size_t i) const {
    return pieces_[i].kind == JinjaPiece::Kind::statement ? std::string_view(pieces_[i].words[0].text)
                                                          : std::string_view();
  }
  /// The piece that ends the block which piece `i` opens, or one of its parts (elif, else).
  std::size_t close_of(std::size_t i, bool part = true) const {
    std::size_t depth = 0;
    for (std::size_t at = i + 1; at < pieces_.size(); ++at) {
      step();
      const std::string_view word = keyword(at);
      if (opens(at)) ++depth;
      if (word.starts_with("end") && depth-- == 0) return at;
      if (part && depth == 0 && (word == "else" || word == "elif")) return at;
    }
    throw JinjaError(message("has ", keyword(i), " without an end"));
  }
  bool opens(std::size_t i) const {
    const std::string_view word = keyword(i);
    if (word == "set")
      return std::none_of(pieces_[i].words.begin(), pieces_[i].words.end(),
                          [](const JinjaWord& w) { return w.kind == Kind::sign && w.text == "="; });
    return word == "for" || word == "if" || word == "macro" || word == "generation" || word == "call" ||
           word == "filter";
  }

  Flow block(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end;) {
      step();
      const JinjaPiece& piece = pieces_[i];
      if (piece.kind == JinjaPiece::Kind::text) {
        write(piece.text);
        ++i;
      } else if (piece.kind == JinjaPiece::Kind::expression) {
        start(i);
        write(text_of(whole_expression()));
        ++i;
      } else if (const Flow flow = statement(i); flow != Flow::on) {
        return flow;
      }
    }
    return Flow::on;
  }
  /// Runs one statement and moves `i` behind it.
  Flow statement(std::size_t& i) {
    const std::string_view word = keyword(i);
    start(i);
    ++at_;
    if (word == "if") return branch(i);
    if (word == "for") return loop(i);
    if (word == "set") return assign(i);
    if (word == "break" || word == "continue") return word == "break" ? Flow::leaves : Flow::again;
    if (word == "generation") {
      const std::size_t end = close_of(i, false);
      const Flow flow = block(i + 1, end);
      i = end + 1;
      return flow;
    }
    if (word == "macro") {
      macros_[current().text] = i;
      i = close_of(i, false) + 1;
      return Flow::on;
    }
    throw JinjaError(message("uses the statement ", printable(word)));
  }
  Flow branch(std::size_t& i) {
    bool taken = truth(whole_expression());
    Flow flow = Flow::on;
    bool done = false;
    for (std::size_t begin = i;;) {
      const std::size_t end = close_of(begin);
      if (taken && !done) {
        flow = block(begin + 1, end);
        done = true;
      }
      const std::string_view word = keyword(end);
      if (word.starts_with("end")) {
        i = end + 1;
        return flow;
      }
      taken = !done;
      if (taken && word == "elif") {
        start(end);
        ++at_;
        taken = truth(whole_expression());
      }
      begin = end;
    }
  }
  Flow loop(std::size_t& i) {
    std::vector<std::string> names{name()};
    while (accept(",")) names.push_back(name());
    expect_name("in");
    Json list = either();
    const std::size_t condition = at_;
    const bool filters = accept_name("if");
    const Words* words = words_;
    const std::size_t end = close_of(i);
    Json chosen = Json::array();
    for (const Json& item : elements(list)) {
      if (filters) {
        scopes_.emplace_back();
        bind(names, item);
        words_ = words;
        at_ = condition + 1;
        const bool fits = truth(expression());
        scopes_.pop_back();
        if (!fits) continue;
      }
      chosen.push_back(item);
    }
    if (chosen.empty() && keyword(end) == "else") block(end + 1, close_of(end));
    for (std::size_t n = 0; n < chosen.size(); ++n) {
      scopes_.emplace_back();
      bind(names, chosen[n]);
      const std::size_t count = chosen.size();
      scopes_.back()["loop"] = {
          {"index", n + 1},  {"index0", n},           {"first", n == 0},           {"last", n + 1 == count},
          {"length", count}, {"revindex", count - n}, {"revindex0", count - n - 1}};
      if (n > 0) scopes_.back()["loop"]["previtem"] = chosen[n - 1];
      if (n + 1 < count) scopes_.back()["loop"]["nextitem"] = chosen[n + 1];
      const Flow flow = block(i + 1, end);
      scopes_.pop_back();
      if (flow == Flow::leaves) break;
    }
    i = (keyword(end) == "else" ? close_of(end) : end) + 1;
    return Flow::on;
  }
  void bind(const std::vector<std::string>& names, const Json& item) {
    if (names.size() == 1) {
      scopes_.back()[names[0]] = item;
      return;
    }
    if (!item.is_array() || item.size() != names.size()) throw JinjaError("unpacks a value that has other parts");
    for (std::size_t n = 0; n < names.size(); ++n) scopes_.back()[names[n]] = item[n];
  }
  Flow assign(std::size_t& i) {
    const std::string target = name();
    if (accept(".")) {
      const std::string key = name();
      expect("=");
      const Json value = whole_expression();
      Json* object = find(target);
      if (object == nullptr || !object->is_object()) throw JinjaError(message("sets a member of ", printable(target)));
      (*object)[key] = value;
    } else if (accept("=")) {
      scopes_.back()[target] = whole_expression();
    } else {
      const std::size_t end = close_of(i, false);
      std::string outer = std::exchange(out_, {});
      block(i + 1, end);
      scopes_.back()[target] = std::exchange(out_, std::move(outer));
      i = end;
    }
    ++i;
    return Flow::on;
  }

  // Expressions, from the loosest operator to the tightest.

  void start(std::size_t piece) {
    words_ = &pieces_[piece].words;
    at_ = 0;
  }
  const JinjaWord& current() const { return (*words_)[std::min(at_, words_->size() - 1)]; }
  bool is(std::string_view sign) const { return current().kind == Kind::sign && current().text == sign; }
  bool is_name(std::string_view text) const { return current().kind == Kind::name && current().text == text; }
  bool accept(std::string_view sign) { return is(sign) && (++at_, true); }
  bool accept_name(std::string_view text) { return is_name(text) && (++at_, true); }
  void expect(std::string_view sign) {
    if (!accept(sign)) throw JinjaError(message("has ", printable(current().text), ", expected '", sign, "'"));
  }
  void expect_name(std::string_view text) {
    if (!accept_name(text)) throw JinjaError(message("has ", printable(current().text), ", expected '", text, "'"));
  }
  std::string name() {
    if (current().kind != Kind::name) throw JinjaError(message("has ", printable(current().text), ", expected a name"));
    return (*words_)[at_++].text;
  }
  /// Counts work: steps, and bytes that are copied.
  void step(std::size_t work = 1) const {
    if (steps_ <= work) throw JinjaError("takes too many steps");
    steps_ -= work;
  }
  /// A copy of a value, as far as the work that is left allows.
  Json copy(const Json& value) const {
    step_over(value);
    return value;
  }
  void step_over(const Json& value) const {
    step(1 + (value.is_string() ? value.get_ref<const std::string&>().size() / 64 : 0));
    if (value.is_structured())
      for (const Json& part : value) step_over(part);
  }
  void write(std::string_view text) {
    constexpr std::size_t most = 1'000'000;
    if (out_.size() + text.size() > most) throw JinjaError("writes too much");
    out_ += text;
  }

  Json whole_expression() {
    Json value = expression();
    if (current().kind != Kind::end)
      throw JinjaError(message("has ", printable(current().text), " behind an expression"));
    return value;
  }
  /// Both sides are evaluated: nothing here has an effect but raise_exception, which is put off until it counts.
  Json expression() {
    const Nesting nesting(*this);
    const std::optional<std::string> outer = std::exchange(raised_, std::nullopt);
    Json value = either();
    if (accept_name("if")) {
      const std::optional<std::string> in_value = std::exchange(raised_, std::nullopt);
      const bool holds = truth(either());
      const std::optional<std::string> in_condition = std::exchange(raised_, std::nullopt);
      Json other = accept_name("else") ? expression() : Json("");
      raised_ = in_condition ? in_condition : holds ? in_value : raised_;
      if (!holds) value = std::move(other);
    }
    if (raised_) throw JinjaError(*raised_);
    raised_ = outer;
    return value;
  }
  Json either() {
    Json value = both();
    while (accept_name("or")) {
      const auto raised = raised_;
      Json other = both();
      if (truth(value)) raised_ = raised;
      if (!truth(value)) value = std::move(other);
    }
    return value;
  }
  Json both() {
    Json value = negation();
    while (accept_name("and")) {
      const auto raised = raised_;
      Json other = negation();
      if (!truth(value)) raised_ = raised;
      if (truth(value)) value = std::move(other);
    }
    return value;
  }
  Json negation() {
    if (accept_name("not")) return !truth(negation());
    return comparison();
  }
  Json comparison() {
    Json value = sum();
    for (;;) {
      if (accept("=="))
        value = value == sum();
      else if (accept("!="))
        value = value != sum();
      else if (accept("<="))
        value = value <= sum();
      else if (accept(">="))
        value = value >= sum();
      else if (accept("<"))
        value = value < sum();
      else if (accept(">"))
        value = value > sum();
      else if (accept_name("in"))
        value = contains(sum(), value);
      else if (is_name("not") && at_ + 1 < words_->size() && (*words_)[at_ + 1].text == "in") {
        at_ += 2;
        value = !contains(sum(), value);
      } else if (accept_name("is")) {
        const bool negated = accept_name("not");
        value = test(value, name()) != negated;
      } else
        return value;
    }
  }
  Json sum() {
    Json value = product();
    for (;;) {
      if (accept("~"))
        value = copy(limited(text_of(value) + text_of(product())));
      else if (accept("+"))
        value = copy(limited(added(value, product())));
      else if (accept("-"))
        value = number(value) - number(product());
      else
        return value;
    }
  }
  Json product() {
    Json value = sign();
    for (;;) {
      if (accept("*")) {
        value = number(value) * number(sign());
      } else if (is("%") || is("//")) {
        const bool remainder = accept("%");
        if (!remainder) accept("//");
        const std::int64_t a = number(value), b = number(sign());
        if (b <= 0) throw JinjaError("divides by a number that is not positive");
        value = remainder ? (a % b + b) % b : (a - (a % b + b) % b) / b;
      } else {
        return value;
      }
    }
  }
  Json sign() {
    if (accept("-")) return -number(sign());
    return postfix(primary());
  }
  Json primary() {
    const Nesting nesting(*this);
    const JinjaWord word = current();
    if (word.kind == Kind::text) {
      std::string text;
      for (; current().kind == Kind::text; ++at_) text += current().text;
      return text;
    }
    if (word.kind == Kind::number) {
      ++at_;
      if (word.text.size() > 9) throw JinjaError("has a number that is too large");
      return std::stoi(word.text);
    }
    if (accept("(")) return tuple();
    if (accept("[")) return list("]");
    if (accept("{")) return object();
    const std::string called = name();
    if (called == "true" || called == "True") return true;
    if (called == "false" || called == "False") return false;
    if (called == "none" || called == "None" || called == "null") return nullptr;
    if (is("(")) return call(called);
    const Json* value = find(called);
    return value == nullptr ? undefined() : copy(*value);
  }
  Json tuple() {
    Json value = expression();
    if (accept(")")) return value;
    Json all = Json::array({value});
    while (accept(",") && !is(")")) all.push_back(expression());
    expect(")");
    return all;
  }
  Json list(std::string_view close) {
    Json all = Json::array();
    while (!accept(close)) {
      all.push_back(expression());
      if (!accept(",")) {
        expect(close);
        return all;
      }
    }
    return all;
  }
  Json object() {
    Json all = Json::object();
    while (!accept("}")) {
      const std::string key = text_of(expression());
      expect(":");
      all[key] = expression();
      if (!accept(",")) {
        expect("}");
        return all;
      }
    }
    return all;
  }

  Arguments arguments() {
    Arguments all;
    if (!accept("(")) return all;
    while (!accept(")")) {
      const bool named = current().kind == Kind::name && at_ + 1 < words_->size() &&
                         (*words_)[at_ + 1].kind == Kind::sign && (*words_)[at_ + 1].text == "=";
      if (named) {
        const std::string key = name();
        expect("=");
        all.named[key] = expression();
      } else {
        all.values.push_back(expression());
      }
      if (!is(")")) expect(",");
    }
    return all;
  }
  Json call(const std::string& called) {
    const Arguments given = arguments();
    if (called == "raise_exception") {
      raised_ = "refuses the conversation";
      return "";
    }
    if (called == "namespace" || called == "dict") return given.named;
    if (called == "range") {
      Json all = Json::array();
      const std::int64_t first = given.values.size() > 1 ? number(given.values[0]) : 0;
      const std::int64_t last = number(given.at(given.values.size() > 1 ? 1 : 0, 0));
      for (std::int64_t n = first; n < last; ++n) {
        step();
        all.push_back(n);
      }
      return all;
    }
    if (called == "strftime_now") return "";
    const auto macro = macros_.find(called);
    if (macro == macros_.end()) throw JinjaError(message("calls ", printable(called)));
    return run_macro(macro->second, given);
  }
  Json run_macro(std::size_t piece, const Arguments& given) {
    const Nesting nesting(*this);
    const Words* words = words_;
    const std::size_t at = at_;
    start(piece);
    at_ = 2;
    expect("(");
    scopes_.emplace_back();
    for (std::size_t n = 0; !accept(")"); ++n) {
      const std::string parameter = name();
      Json value = accept("=") ? expression() : undefined();
      if (n < given.values.size()) value = given.values[n];
      if (given.named.contains(parameter)) value = given.named[parameter];
      scopes_.back()[parameter] = std::move(value);
      if (!is(")")) expect(",");
    }
    std::string outer = std::exchange(out_, {});
    block(piece + 1, close_of(piece, false));
    scopes_.pop_back();
    words_ = words;
    at_ = at;
    return std::exchange(out_, std::move(outer));
  }

  Json postfix(Json value) {
    for (;;) {
      if (accept(".")) {
        const std::string key = name();
        value = is("(") ? method(value, key, arguments()) : member(value, key);
      } else if (accept("[")) {
        value = element(value);
      } else if (accept("|")) {
        const std::string filter = name();
        value = filtered(value, filter, arguments());
      } else {
        return value;
      }
    }
  }
  Json element(const Json& value) {
    std::optional<Json> first, last;
    if (!is(":")) first = expression();
    if (!accept(":")) {
      expect("]");
      if (first->is_string()) return member(value, first->get<std::string>());
      std::int64_t n = number(*first);
      const auto size = static_cast<std::int64_t>(value.is_array() ? value.size() : 0);
      if (n < 0) n += size;
      return n >= 0 && n < size ? value[static_cast<std::size_t>(n)] : undefined();
    }
    if (!is("]") && !is(":")) last = expression();
    std::int64_t stride = 1;
    if (accept(":") && !is("]")) stride = number(expression());
    expect("]");
    return slice(value, first, last, stride);
  }
  Json method(const Json& value, const std::string& called, const Arguments& given) {
    if (value.is_string()) return text_method(value.get<std::string>(), called, given);
    if (value.is_object()) {
      if (called == "get") return value.contains(given.text(0)) ? value[given.text(0)] : given.at(1, nullptr);
      if (called == "items") return filtered(value, called, given);
      Json all = Json::array();
      for (const auto& [key, member] : value.items()) all.push_back(called == "keys" ? Json(key) : member);
      if (called == "keys" || called == "values") return all;
    }
    throw JinjaError(message("calls the method ", printable(called)));
  }
  Json* find(const std::string& called) {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
      if (const auto at = scope->find(called); at != scope->end()) return &at->second;
    return nullptr;
  }

  /// Limits how deep calls are nested.
  struct Nesting {
    explicit Nesting(JinjaRun& r) : run(r) {
      if (++run.depth_ > 100) throw JinjaError("is nested too deep");
    }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    ~Nesting() { --run.depth_; }
    JinjaRun& run;
  };

  std::vector<JinjaPiece> pieces_;
  std::vector<std::map<std::string, Json>> scopes_;
  std::map<std::string, std::size_t> macros_;
  std::optional<std::string> raised_;
  std::string out_;
  const Words* words_ = nullptr;
  std::size_t at_ = 0, depth_ = 0;
  mutable std::size_t steps_ = 200'000;
};

}}}  // namespace bora::BORA_ABI::detail
