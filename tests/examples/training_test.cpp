#include "support/catch.hpp"
#include "bpe_trainer.hpp"
#include "loss_curve.hpp"
#include <bora/text/bpe_tokenizer.hpp>
#include <algorithm>
#include <cstddef>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

/// Reads an element's attributes; throws where it is not well-formed.
void check_tag(std::string_view tag) {
  std::size_t at = tag.find_first_of(" /");
  for (at = std::min(at, tag.size()); at < tag.size();) {
    if (tag[at] == ' ' || tag[at] == '/') {
      ++at;
      continue;
    }
    const std::size_t equals = tag.find("=\"", at), end = tag.find('"', equals + 2);
    if (equals == tag.npos || end == tag.npos) throw std::runtime_error("an attribute of <" + std::string(tag) + ">");
    at = end + 1;
  }
}

/// The elements of a document, opened and closed in order: the small part of XML that a picture needs.
std::vector<std::string> elements(std::string_view xml) {
  std::vector<std::string> found, open;
  for (std::size_t at = 0; at < xml.size();) {
    if (xml[at] != '<') {
      if (open.empty() && xml[at] != '\n') throw std::runtime_error("text outside of the document");
      if (xml[at] == '&' || xml[at] == '>') throw std::runtime_error("a mark that must be written as an entity");
      ++at;
      continue;
    }
    const std::size_t end = xml.find('>', at);
    if (end == xml.npos) throw std::runtime_error("a tag without an end");
    const std::string_view tag = xml.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) throw std::runtime_error("closed: " + std::string(tag));
      open.pop_back();
      continue;
    }
    check_tag(tag);
    found.emplace_back(tag);
    if (!tag.ends_with('/')) open.emplace_back(tag.substr(0, tag.find(' ')));
  }
  if (!open.empty()) throw std::runtime_error("left open: " + open.back());
  return found;
}

std::string attribute(std::string_view tag, std::string_view name) {
  const std::size_t begin = tag.find(" " + std::string(name) + "=\"");
  REQUIRE(begin != tag.npos);
  const std::size_t value = begin + name.size() + 3;
  return std::string(tag.substr(value, tag.find('"', value) - value));
}

/// Where a curve's points lie.
std::vector<std::pair<double, double>> points(const std::string& polyline) {
  std::istringstream in(attribute(polyline, "points"));
  std::vector<std::pair<double, double>> all;
  char comma = 0;
  for (double x = 0, y = 0; in >> x >> comma >> y;) all.emplace_back(x, y);
  return all;
}

using Merges = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("The loss curve is an XML document with all points inside", "[examples]") {
  bora::LossHistory history;
  for (std::size_t step = 1; step <= 2'500; ++step) history.training.push_back({step, 6.0 / static_cast<double>(step)});
  for (std::size_t step = 500; step <= 2'500; step += 500) history.held_out.push_back({step, 1.5});
  std::vector<std::string> curves;
  std::size_t dots = 0;
  for (const std::string& tag : elements(loss_curve::svg(history))) {
    if (tag.starts_with("polyline")) curves.push_back(tag);
    dots += tag.starts_with("circle");
  }
  REQUIRE(curves.size() == 2);
  CHECK(points(curves[0]).size() == 500);  // means of five steps
  CHECK(points(curves[1]).size() == 5);
  CHECK(dots == 5);
  for (const std::string& curve : curves)
    for (const auto& [x, y] : points(curve)) {
      CHECK((x >= 60 && x <= 700));
      CHECK((y >= 30 && y <= 350));
    }
  const auto training = points(curves[0]);
  CHECK(training.front().second < training.back().second);  // losses fall, and pictures count downward
}

TEST_CASE("A loss curve of nothing, of one step and of equal losses is still a picture", "[examples]") {
  CHECK_NOTHROW(elements(loss_curve::svg({})));
  CHECK_NOTHROW(elements(loss_curve::svg({.training = {{1, 3.0}}, .held_out = {{1, 3.0}}})));
  const auto flat = elements(loss_curve::svg({.training = {{1, 2.0}, {2, 2.0}}, .held_out = {}}));
  for (const std::string& tag : flat)
    if (tag.starts_with("polyline")) CHECK(points(tag).size() == 2);
  CHECK_THROWS(elements("<svg><line></svg>"));  // the reader does see what is wrong
  CHECK_THROWS(elements("<svg width=3></svg>"));
}

TEST_CASE("Merges are learnt by how often their pieces stand together", "[examples]") {
  WordCounts words;
  words.add("ab ab ab ac");
  const bora::BpeVocabulary all = train_bpe(words, 1'000);
  // "▁a" four times, then "▁ab" three times; "▁ac" occurs but once.
  CHECK(all.merges == Merges{{"▁", "a"}, {"▁a", "b"}});
  CHECK(all.pieces.size() == 3 + 256 + 4 + 2);
  CHECK(train_bpe(words, 3 + 256 + 4 + 1).merges == Merges{{"▁", "a"}});
  const bora::BpeTokenizer tokenizer(all);
  CHECK(tokenizer.encode("ab ac", {.bos = false}).size() == 3);
  CHECK(tokenizer.decode(tokenizer.encode("ab ac bc")) == "ab ac bc");
}

TEST_CASE("Words begin with their space, and punctuation is a word of its own", "[examples]") {
  WordCounts words;
  words.add("no, no! é");
  CHECK(words.counts() == std::map<std::string, std::size_t>{{"▁no", 2}, {",", 1}, {"!", 1}, {"▁é", 1}});
  const bora::BpeVocabulary vocabulary = train_bpe(words, 1'000);
  CHECK(vocabulary.merges == Merges{{"n", "o"}, {"▁", "no"}});  // of equals the first in the alphabet
}
