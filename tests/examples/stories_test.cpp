#include "support/catch.hpp"
#include "stories.hpp"
#include "story_overlap.hpp"
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}
/// Words without what stands around them, and without a possessive's end.
std::set<std::string> bare_words(std::string_view text) {
  std::set<std::string> bare;
  for (const std::string& word : words_of(text)) {
    std::size_t begin = 0, end = word.size();
    while (begin < end && !std::isalpha(static_cast<unsigned char>(word[begin]))) ++begin;
    while (end > begin && !std::isalpha(static_cast<unsigned char>(word[end - 1]))) --end;
    std::string inside = word.substr(begin, end - begin);
    if (inside.ends_with("'s")) inside.resize(inside.size() - 2);
    bare.insert(inside);
  }
  return bare;
}

/// The names whose pronoun is `he`, of children, animals and grown-ups.
std::set<std::string> names_of(std::string_view he) {
  std::set<std::string> names;
  for (const auto* people : {&stories::children, &stories::animals})
    for (const stories::People& kind : *people)
      if (kind.rest.starts_with(he))
        for (const std::string_view name : stories::split(kind.names, ';')) names.emplace(name);
  const auto add_grown_ups = [&](const auto& tables) {
    for (const stories::Table& table : tables) {
      if (!table.slots.starts_with("parent/") && !table.slots.starts_with("neighbor/")) continue;
      for (const std::string_view row : stories::split(table.rows, ';')) {
        const auto values = stories::split(row, '/');
        if (values[1] == he) names.emplace(values[0].substr(values[0].rfind(' ') + 1));
      }
    }
  };
  add_grown_ups(stories::children_tables);
  add_grown_ups(stories::animal_tables);
  return names;
}

bool any_of(const std::set<std::string>& words, const std::set<std::string>& wanted) {
  for (const std::string& word : wanted)
    if (words.contains(word)) return true;
  return false;
}

constexpr std::uint64_t many = 3'000;

}  // namespace

TEST_CASE("A story is decided by seed and index", "[examples]") {
  CHECK(stories::story(1, 5) == stories::story(1, 5));
  CHECK(stories::story(1, 5) != stories::story(1, 6));
  CHECK(stories::story(1, 5) != stories::story(2, 5));
}

TEST_CASE("Stories are whole sentences without a trace of their notation", "[examples]") {
  std::set<std::string> all;
  for (std::uint64_t i = 0; i < many; ++i) {
    const std::string story = stories::story(3, i);
    CAPTURE(story);
    REQUIRE(story.find_first_of("()[]{}<>|=_/;") == std::string::npos);
    REQUIRE((story.ends_with(".\n") || story.ends_with("!\n") || story.ends_with("?\n") || story.ends_with(".\"\n") ||
             story.ends_with("!\"\n")));
    REQUIRE(std::isupper(static_cast<unsigned char>(story[0])) != 0);
    for (const char* wrong :
         {"  ", " .", " ,", "..", ",,", "!.", "?.", "!!", ".,", "\n\n", " a a", " a e", " a i", " a o"})
      REQUIRE(story.find(wrong) == std::string::npos);
    std::size_t quotes = 0;
    for (const char c : story) quotes += c == '"';
    REQUIRE(quotes % 2 == 0);
    const auto words = words_of(story);
    REQUIRE(words.size() > 60);
    REQUIRE(words.size() < 450);
    for (const std::string& word : bare_words(story)) all.insert(word);
  }
  CHECK(all.size() > 1'800);
}

// Where all whom a story names are of one kind, no pronoun of the other may occur. Two animals have one but no name.
TEST_CASE("Pronouns are those of the people a story names", "[examples]") {
  const std::set<std::string> women = names_of("she"), men = names_of("he");
  const std::set<std::string> hers{"she", "She", "her", "Her", "herself"},
      his{"he", "He", "him", "his", "His", "himself"};
  std::size_t of_women = 0, of_men = 0;
  for (std::uint64_t i = 0; i < many; ++i) {
    const std::string story = stories::story(4, i);
    if (story.find("the mother") != std::string::npos || story.find("Our hen") != std::string::npos) continue;
    CAPTURE(story);
    const std::set<std::string> words = bare_words(story);
    const bool names_women = any_of(words, women), names_men = any_of(words, men);
    REQUIRE((names_women || names_men));
    if (!names_men) REQUIRE_FALSE(any_of(words, his));
    if (!names_women) REQUIRE_FALSE(any_of(words, hers));
    of_women += !names_men;
    of_men += !names_women;
  }
  CHECK(of_women > many / 20);
  CHECK(of_men > many / 20);
}

TEST_CASE("Text is tidied: spaces, capitals, articles", "[examples]") {
  CHECK(stories::tidy(" it was\na  apple . she had a pear ,too! \"yes.\" he ") ==
        "It was an apple. She had a pear,too! \"yes.\" He");
  CHECK(stories::tidy("A old owl. \"Stop!\" he said") == "An old owl. \"Stop!\" he said");
}

TEST_CASE("A sentence ends with its mark, and what is said belongs to who says it", "[examples]") {
  const std::vector<std::string_view> found =
      stories::sentences("Mr. Hill came. \"Stop! Now!\" he said. \"Why?\" Tom ran.");
  CHECK(found == std::vector<std::string_view>{"Mr. Hill came. ", "\"Stop! Now!\" he said. ", "\"Why?\" ", "Tom ran."});
}

TEST_CASE("A name becomes a pronoun where nobody else comes between, and not more than twice", "[examples]") {
  const std::vector<stories::Pronouns> people{{"Tom", "he", "his"}, {"Ann", "she", "her"}};
  CHECK(stories::with_pronouns("Tom sat. Tom's hat fell. Tom sighed. Tom rose.", people) ==
        "Tom sat. His hat fell. He sighed. Tom rose.");
  CHECK(stories::with_pronouns("Tom saw Ann. Tom ran. Ann ran. Ann fell.", people) ==
        "Tom saw Ann. Tom ran. Ann ran. She fell.");
  CHECK(stories::with_pronouns("\"Oh!\" said Tom. Tom ran.", people) == "\"Oh!\" said Tom. Tom ran.");
}

TEST_CASE("Runs of words are met or not, and counted exactly", "[examples]") {
  const std::string story = stories::story(7, 0);
  const std::vector<std::string> words = words_of(story);
  std::string beginning;
  for (std::size_t i = 0; i < 12; ++i) beginning += words[i] + ' ';
  StoryRuns eight(8, 7, 1), whole(0, 7, 1);
  CHECK(eight.share_met() == 0);
  eight.meet("none of this is there, and it has more than eight words");
  CHECK(eight.share_met() == 0);
  eight.meet(beginning);
  eight.meet(beginning);                                      // once more is not more
  const double runs = static_cast<double>(words.size() - 7);  // all of them different
  CHECK(eight.share_met() == 5 / runs);
  eight.meet(story);
  CHECK(eight.share_met() == 1);
  whole.meet(beginning);
  CHECK(whole.share_met() == 0);
  whole.meet(story);
  CHECK(whole.share_met() == 1);
}
