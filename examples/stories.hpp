// Simple English stories from a seed: what the small models of these examples learn to write.
#pragma once
#include "story_grammar.hpp"
#include <bora/core/random.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stories {

/// The parts of `text` between separators, those that are not inside parentheses.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0, depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')') --depth;
    if (text[i] != separator || depth > 0) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

/// A table or a rule, cut into its parts once.
struct Grammar {
  struct Rows {
    std::vector<std::string_view> slots;
    std::vector<std::vector<std::string_view>> rows;
  };
  explicit Grammar(const Table& names, const Table* kinds) {
    add(names);
    if (kinds != nullptr) add(*kinds);
    for (const Table& table : tables) add(table);
    for (const Rule& rule : rules) lines[rule.name] = split(rule.lines, '\n');
    for (const Rule& rule : plot_rules) lines[rule.name] = split(rule.lines, '\n');
  }
  void add(const Table& table) {
    Rows rows{split(table.slots, '/'), {}};
    for (const std::string_view row : split(table.rows, ';')) rows.rows.push_back(split(row, '/'));
    for (const std::string_view slot : rows.slots) table_of[slot] = all.size();
    all.push_back(std::move(rows));
  }

  std::vector<Rows> all;
  std::map<std::string_view, std::size_t, std::less<>> table_of;
  std::map<std::string_view, std::vector<std::string_view>, std::less<>> lines;
};

/// One story being told. The notation of its templates: (a|b) is one of the two; <rule> one line of a rule; [slot] a
/// value from a table, the same wherever the story names the slot again; [slot2] that of another row; [Slot] begins
/// with a capital.
class Telling {
 public:
  Telling(const Grammar& grammar, bora::Random random) : grammar_(grammar), random_(random) {}

  std::string expand(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const char c = text[at];
      if (c != '(' && c != '[' && c != '<') {
        out += text[at++];
        continue;
      }
      const std::size_t end = closing(text, at);
      const std::string_view inside = text.substr(at + 1, end - at - 1);
      out += c == '(' ? expand(pick(split(inside, '|'))) : c == '<' ? expand(pick(lines(inside))) : slot(inside);
      at = end + 1;
    }
    return out;
  }

 private:
  static std::size_t closing(std::string_view text, std::size_t open) {
    const char shut = text[open] == '(' ? ')' : text[open] == '[' ? ']' : '>';
    for (std::size_t i = open, depth = 0; i < text.size(); ++i) {
      if (text[i] == text[open]) ++depth;
      if (text[i] == shut && --depth == 0) return i;
    }
    throw std::logic_error("stories: no end of " + std::string(text.substr(open, 40)));
  }
  template <class List>
  const typename List::value_type& pick(const List& list) {
    return list[random_.below(list.size())];
  }
  const std::vector<std::string_view>& lines(std::string_view rule) const {
    const auto found = grammar_.lines.find(rule);
    if (found == grammar_.lines.end()) throw std::logic_error("stories: no rule <" + std::string(rule) + ">");
    return found->second;
  }

  std::string slot(std::string_view name) {
    const bool second = name.back() == '2', capital = name[0] >= 'A' && name[0] <= 'Z';
    std::string key(second ? name.substr(0, name.size() - 1) : name);
    if (capital) key[0] = static_cast<char>(key[0] - 'A' + 'a');
    const auto found = grammar_.table_of.find(key);
    if (found == grammar_.table_of.end()) throw std::logic_error("stories: no slot [" + std::string(name) + "]");
    auto& bound = bound_[second ? 1 : 0];
    if (!bound.contains(key)) bind(grammar_.all[found->second], second);
    std::string value = bound[key];
    if (capital && value[0] >= 'a' && value[0] <= 'z') value[0] = static_cast<char>(value[0] - 'a' + 'A');
    return value;
  }
  /// All slots of the row at once; the second row of a table is another than the first.
  void bind(const Grammar::Rows& table, bool second) {
    const auto& other = bound_[second ? 0 : 1];
    const std::vector<std::string_view>* row;
    do row = &pick(table.rows);
    while (other.contains(table.slots[0]) && other.find(table.slots[0])->second == row->front());
    for (std::size_t s = 0; s < table.slots.size(); ++s)
      bound_[second ? 1 : 0][std::string(table.slots[s])] = expand((*row)[s]);
  }

  const Grammar& grammar_;
  bora::Random random_;
  std::map<std::string, std::string, std::less<>> bound_[2];
};

/// Runs of white space become one space, and "a" becomes "an" before a vowel.
inline std::string tidy(std::string_view text) {
  std::string out;
  const auto article = [&] {
    const std::size_t n = out.size();
    return n >= 2 && (out[n - 2] == 'a' || out[n - 2] == 'A') && (n == 2 || out[n - 3] == ' ' || out[n - 3] == '"');
  };
  for (const char raw : text) {
    const char c = raw == '\n' ? ' ' : raw;
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    if (std::string_view("aeiou").find(c) != std::string_view::npos && !out.empty() && out.back() == ' ' && article())
      out.insert(out.size() - 1, "n");
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

/// Story number `index` of `seed`, one line; the same always.
inline std::string story(std::uint64_t seed, std::uint64_t index) {
  static const Grammar of_children(children, nullptr), of_animals(animal_names, &animal_kinds);
  bora::Random random(seed, index);
  const Plot& plot = plots[random.below(plots.size())];
  const bool child = plot.cast == Cast::child || random.below(3) > 0;
  Telling telling(child ? of_children : of_animals, random);
  return tidy(telling.expand("<opening> <habit> " + std::string(plot.text) + " <closing>")) + "\n";
}

}  // namespace stories
