// What the words and sentences of the stories are written down in; stories.hpp reads it.
//
//     (a|b)           one of the two; either may be empty
//     <rule>          one of the rule's alternatives, drawn anew each time
//     <rule2>         the same from the friend's side: what is said of [name] is said of [name2], and the reverse
//     [slot]          a value from a table, the same wherever the story names the slot again
//     [slot2] [slot3] the value of another row of that table
//     [Slot]          begins with a capital; so does every sentence by itself
//     [slot=text]     gives the slot a value of its own and writes nothing
//     {fact|a|b}      a where the story mentions the fact for the first time, b from then on
#pragma once
#include <span>
#include <string_view>

namespace stories {

/// How long a slot keeps its value.
enum class Lasts { episode, story };

/// Rows that fill several slots at once, so that a person and a pronoun, or a place and what lies there, agree. Slots
/// and the values of a row are separated by '/', rows by ';'. A second table of the same slots adds rows.
struct Table {
  std::string_view slots, rows;
  Lasts lasts = Lasts::episode;
};

/// Names of one kind; what follows a name in its row is the same for all.
struct People {
  std::string_view names, rest;
};
/// The slots of a person: the name, then what is the same for all of a kind.
inline constexpr std::string_view person_slots = "name/he/him/his/himself/kind";

/// Alternatives, separated by '|'.
struct Rule {
  std::string_view name, alternatives;
};

/// Who a story can be about, and in which weather it plays.
enum class Cast { any, children, animals };
enum class Season { any, warm, cold };

/// From a wish or a cause to a problem, what is tried, and how it ends. A story is one to three of them with the same
/// people.
struct Episode {
  Cast cast;
  Season season;
  std::string_view text;
};

/// Words, rules and episodes that belong together.
struct Chapter {
  std::span<const Table> tables;
  std::span<const Rule> rules;
  std::span<const Episode> episodes;
};

}  // namespace stories
