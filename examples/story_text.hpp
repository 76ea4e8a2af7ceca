// From what the rules of the stories come to, to text as it is printed.
#pragma once
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stories {

constexpr char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Without white space in front and behind.
inline std::string trimmed(std::string_view text) {
  constexpr std::string_view white = " \n";
  const std::size_t begin = std::min(text.find_first_not_of(white), text.size());
  return std::string(text.substr(begin, text.find_last_not_of(white) + 1 - begin));
}

/// One space between words and none before a comma, sentences that begin with a capital, "an" before a vowel.
inline std::string tidy(std::string_view text) {
  constexpr std::string_view vowels = "aeiou", marks = ".,!?:;";
  std::string out;
  const auto after = [&](std::string_view end) { return std::string_view(out).ends_with(end); };
  for (const char raw : text) {
    char c = raw == '\n' ? ' ' : raw;
    if (c == ' ' && (out.empty() || after(" "))) continue;
    if (marks.find(c) != marks.npos && after(" ")) out.pop_back();
    if (vowels.find(c) != vowels.npos && (out == "A " || after(" a ") || after(" A ") || after("\"A "))) {
      out.back() = 'n';
      out += ' ';
    }
    if (out.empty() || after(". ") || after("! ") || after("? ") || after(".\" ")) c = upper(c);
    out += c;
  }
  if (after(" ")) out.pop_back();
  return out;
}

/// The sentences of a tidy text, each with the space behind it. What is said belongs to the sentence that says it.
inline std::vector<std::string_view> sentences(std::string_view text) {
  std::vector<std::string_view> all;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (quoted || text[i + 1] != ' ') continue;
    const char mark = text[i] == '"' && i > 0 ? text[i - 1] : text[i];
    const bool goes_on = i + 2 < text.size() && lower(text[i + 2]) == text[i + 2] && text[i + 2] != '"';
    if ((mark != '.' && mark != '!' && mark != '?') || goes_on || text.substr(begin, i + 1 - begin).ends_with("Mr.") ||
        text.substr(begin, i + 1 - begin).ends_with("Mrs."))
      continue;
    all.push_back(text.substr(begin, i + 2 - begin));
    begin = i + 2;
  }
  all.push_back(text.substr(begin));
  return all;
}

/// How a person is called where the name is clear.
struct Pronouns {
  std::string name, he, his;
};

/// "Tom sat down. Tom sighed." becomes "Tom sat down. He sighed.", where nobody else comes between and not more than
/// twice.
inline std::string with_pronouns(std::string_view text, std::span<const Pronouns> people) {
  std::string out;
  const Pronouns* subject = nullptr;  // whom the sentence before began with, and named nobody else
  std::size_t in_a_row = 0;
  for (const std::string_view sentence : sentences(text)) {
    const auto begins = [&](const Pronouns& p) {
      return sentence.starts_with(p.name + " ") || sentence.starts_with(p.name + "'s ");
    };
    const auto person = std::find_if(people.begin(), people.end(), begins);
    const Pronouns* found = person == people.end() ? nullptr : &*person;
    if (found != nullptr && found == subject && in_a_row < 2) {
      std::string_view rest = sentence.substr(found->name.size());
      const bool owns = rest.starts_with("'s ");
      std::string pronoun = owns ? found->his : found->he;
      pronoun[0] = upper(pronoun[0]);
      out += pronoun;
      out += owns ? rest.substr(2) : rest;
      ++in_a_row;
    } else {
      out += sentence;
      in_a_row = 0;
    }
    const bool alone = found != nullptr && std::none_of(people.begin(), people.end(), [&](const Pronouns& p) {
                         return p.name != found->name && sentence.find(p.name) != sentence.npos;
                       });
    subject = alone && sentence.find('"') == sentence.npos ? found : nullptr;
  }
  return out;
}

}  // namespace stories
