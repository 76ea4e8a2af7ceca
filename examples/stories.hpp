// Simple English stories from a seed: what the small models of these examples learn to write.
#pragma once
#include "story_grammar.hpp"
#include "story_text.hpp"
#include <bora/core/random.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stories {

/// The parts of `text` between separators, those that are inside no brackets.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0, depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(' || text[i] == '{') ++depth;
    if (text[i] == ')' || text[i] == '}') --depth;
    if (text[i] != separator || depth > 0) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

/// Everything that can be told of one cast, cut into its parts once.
class Grammar {
 public:
  struct Rows {
    std::vector<std::string_view> slots;
    std::vector<std::vector<std::string>> rows;
    Lasts lasts = Lasts::episode;
  };

  Grammar(Cast cast, std::span<const People> kinds, std::span<const Table> own_tables,
          std::span<const Rule> own_rules) {
    for (const People& kind : kinds)
      for (const std::string_view name : split(kind.names, ';'))
        add_row(add_table(person_slots, Lasts::story), std::string(name) + '/' + std::string(kind.rest));
    add({own_tables, own_rules, {}}, cast);
    for (const Chapter& chapter : chapters) add(chapter, cast);
  }

  /// The table of people.
  static constexpr std::size_t people = 0;
  const Rows& table(std::size_t index) const { return tables_[index]; }
  std::size_t table_of(std::string_view slot) const { return find(table_of_, slot, "slot"); }
  const std::vector<std::string_view>& alternatives(std::string_view rule) const { return find(rules_, rule, "rule"); }
  const std::vector<const Episode*>& episodes() const { return episodes_; }

 private:
  template <class T>
  using Index = std::map<std::string_view, T, std::less<>>;

  template <class T>
  static const T& find(const Index<T>& index, std::string_view name, const char* what) {
    const auto found = index.find(name);
    if (found == index.end())
      throw std::logic_error("stories: there is no " + std::string(what) + ' ' + std::string(name));
    return found->second;
  }
  Rows& add_table(std::string_view slots, Lasts lasts) {
    const std::vector<std::string_view> names = split(slots, '/');
    if (!table_of_.contains(names.front())) {
      for (const std::string_view name : names) table_of_[name] = tables_.size();
      tables_.push_back({names, {}, lasts});
    }
    return tables_[table_of_[names.front()]];
  }
  static void add_row(Rows& table, std::string_view row) {
    const auto values = split(row, '/');
    if (values.size() != table.slots.size())
      throw std::logic_error("stories: a row of other size: " + std::string(row));
    table.rows.emplace_back(values.begin(), values.end());
  }
  void add(const Chapter& chapter, Cast cast) {
    for (const Table& table : chapter.tables)
      for (const std::string_view row : split(table.rows, ';')) add_row(add_table(table.slots, table.lasts), row);
    for (const Rule& rule : chapter.rules) rules_[rule.name] = split(rule.alternatives, '|');
    for (const Episode& episode : chapter.episodes)
      if (episode.cast == Cast::any || episode.cast == cast) episodes_.push_back(&episode);
  }

  std::vector<Rows> tables_;
  Index<std::size_t> table_of_;
  Index<std::vector<std::string_view>> rules_;
  std::vector<const Episode*> episodes_;
};

/// One story being told.
class Telling {
 public:
  Telling(const Grammar& grammar, bora::Random random) : grammar_(grammar), random_(random) {}

  /// Who it is about, one or two episodes, an ending.
  std::string tell() {
    std::string text = expand("<opening>");
    for (const Episode* episode : choose(episode_counts[random_.below(episode_counts.size())])) {
      forget();
      text += ' ' + expand(episode->text);
    }
    text += expand(" <ending>");
    return with_pronouns(tidy(text), people());
  }

 private:
  std::string expand(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      if (std::string_view("([<{").find(text[at]) == std::string_view::npos) {
        out += text[at++];
        continue;
      }
      const std::size_t end = closing(text, at);
      out += expand_bracket(text[at], text.substr(at + 1, end - at - 1));
      at = end + 1;
    }
    return out;
  }

  static std::size_t closing(std::string_view text, std::size_t open) {
    const char opening = text[open], shut = opening == '(' ? ')' : opening == '[' ? ']' : opening == '<' ? '>' : '}';
    for (std::size_t i = open, depth = 0; i < text.size(); ++i) {
      if (text[i] == opening) ++depth;
      if (text[i] == shut && --depth == 0) return i;
    }
    throw std::logic_error("stories: no end of " + std::string(text.substr(open, 40)));
  }
  std::string expand_bracket(char bracket, std::string_view inside) {
    switch (bracket) {
      case '(':
        return expand(pick(split(inside, '|')));
      case '<':
        return rule(inside);
      case '{':
        return first_or_again(inside);
      default:
        return slot(inside);
    }
  }
  static constexpr std::array<std::size_t, 8> episode_counts{1, 1, 1, 1, 1, 1, 2, 2};

  /// Different ones, none of summer beside one of winter.
  std::vector<const Episode*> choose(std::size_t count) {
    std::vector<const Episode*> chosen;
    const auto fits = [&](const Episode* next) {
      return std::none_of(chosen.begin(), chosen.end(), [&](const Episode* e) {
        return e == next || (e->season != next->season && e->season != Season::any && next->season != Season::any);
      });
    };
    while (chosen.size() < count)
      if (const Episode* next = pick(grammar_.episodes()); fits(next)) chosen.push_back(next);
    return chosen;
  }
  /// An episode keeps the people, but nothing of what was true of things and places, nor the third person.
  void forget() {
    given_.clear();
    for (auto& row : bound_) std::erase_if(row, [&](const auto& slot) { return !stays(slot.first); });
    bound_[2].clear();
  }

  /// Everyone that the story has met.
  std::vector<Pronouns> people() const {
    std::vector<Pronouns> all;
    const auto add = [&](const Values& row, const char* name, const char* he, const char* his) {
      if (row.contains(name)) all.push_back({row.find(name)->second, row.find(he)->second, row.find(his)->second});
    };
    for (const Values& row : bound_) add(row, "name", "he", "his");
    add(bound_[0], "parent", "phe", "phis");
    add(bound_[0], "neighbor", "nhe", "nhis");
    return all;
  }

  template <class List>
  const typename List::value_type& pick(const List& list) {
    return list[random_.below(list.size())];
  }
  /// The number behind a name, 0 without one.
  static std::size_t row_of(std::string_view name) { return name.back() == '2' ? 1 : name.back() == '3' ? 2 : 0; }

  std::string rule(std::string_view name) {
    const std::size_t teller = row_of(name);
    if (teller == 0) return expand(pick(grammar_.alternatives(name)));
    const auto before = roles_;
    roles_[0] = before[teller];
    roles_[1] = before[0];
    std::string out = expand(pick(grammar_.alternatives(name.substr(0, name.size() - 1))));
    roles_ = before;
    return out;
  }
  std::string first_or_again(std::string_view inside) {
    const auto parts = split(inside, '|');
    return expand(parts.at(facts_.insert(parts[0]).second ? 1 : 2));
  }

  std::string slot(std::string_view name) {
    if (const std::size_t sign = name.find('='); sign != name.npos) {
      given_[std::string(name.substr(0, sign))] = trimmed(expand(name.substr(sign + 1)));
      return "";
    }
    const std::size_t row = row_of(name);
    std::string key(row > 0 ? name.substr(0, name.size() - 1) : name);
    const bool capital = key[0] != lower(key[0]);
    key[0] = lower(key[0]);
    const auto given = given_.find(key);
    std::string value = given != given_.end() ? given->second : value_of(key, row);
    if (capital) value[0] = upper(value[0]);
    return value;
  }
  const std::string& value_of(const std::string& slot, std::size_t row) {
    const std::size_t table = grammar_.table_of(slot);
    if (table == Grammar::people) row = roles_[row];
    if (!bound_[row].contains(slot)) bind(grammar_.table(table), row);
    return bound_[row][slot];
  }
  bool stays(const std::string& slot) const { return grammar_.table(grammar_.table_of(slot)).lasts == Lasts::story; }
  /// All slots of the row at once; a row of the table that the story has not met.
  void bind(const Grammar::Rows& table, std::size_t row) {
    const std::string first(table.slots[0]);
    const std::vector<std::string>* values;
    const auto met = [&] {
      for (const auto& other : bound_)
        if (const auto found = other.find(first); found != other.end() && found->second == values->front()) return true;
      return false;
    };
    do values = &pick(table.rows);
    while (met());
    for (std::size_t s = 0; s < table.slots.size(); ++s)
      bound_[row][std::string(table.slots[s])] = expand((*values)[s]);
  }

  const Grammar& grammar_;
  bora::Random random_;
  using Values = std::map<std::string, std::string, std::less<>>;
  std::array<Values, 3> bound_;
  Values given_;
  std::array<std::size_t, 3> roles_{0, 1, 2};
  std::set<std::string_view> facts_;
};

/// Story number `index` of `seed`, one line; the same always.
inline std::string story(std::uint64_t seed, std::uint64_t index) {
  static const Grammar of_children(Cast::children, children, children_tables, children_rules),
      of_animals(Cast::animals, animals, animal_tables, animal_rules);
  bora::Random random(seed, index);
  const Grammar& grammar = random.below(3) > 0 ? of_children : of_animals;
  return Telling(grammar, random).tell() + "\n";
}

}  // namespace stories
