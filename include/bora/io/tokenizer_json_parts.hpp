/// The parts of a Hugging Face `tokenizer.json`, for readers of its kinds.
#pragma once
#include <bora/io/json.hpp>
#include <bora/text/added_tokens.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// One file, and the questions that every kind asks of it.
class TokenizerJson {
 public:
  /// \param root  the file's value; must outlive this
  TokenizerJson(const std::filesystem::path& file, const Json& root) : file_(file), root_(root) {}

 protected:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    refuse_file(file_, parts...);
  }
  /// A value as messages show it.
  static std::string shown(const Json* value) {
    return value == nullptr ? "missing" : legible_json(value->dump(-1, ' ', true));
  }
  static std::string legible_json(const std::string& text) {
    return text.size() > 300 ? text.substr(0, 300) + "..." : text;
  }

  static const Json* find_value(const Json& object, std::string_view key) {
    const auto found = object.find(std::string(key));
    return found == object.end() ? nullptr : &*found;
  }
  void require_null(const Json& object, std::string_view key, std::string_view parent) const {
    if (const Json* value = find_json(object, key))
      refuse("key ", json_path(parent, key), " is ", shown(value), ", expected null or none");
  }
  void require_string_is(const Json& object, std::string_view key, std::string_view expected) const {
    if (const Json* value = find_value(object, key); value != nullptr && value->is_null())
      refuse("key ", json_path("model", key), " is null, expected '", expected, "'");
    const std::string value = require_string(object, key, file_, "model");
    if (value != expected)
      refuse("key ", json_path("model", key), " is ", printable(value), ", expected '", expected, "'");
  }

  /// The type of a part, "" where it has none.
  static std::string type_of(const Json* part) {
    if (part == nullptr || !part->is_object()) return "";
    const Json* type = find_json(*part, "type");
    return type != nullptr && type->is_string() ? type->get<std::string>() : "";
  }
  /// The steps of a part such as `decoder`: those of a Sequence one after the other, or the only one there is.
  void add_steps(const Json& part, std::string_view list, std::vector<const Json*>& steps) const {
    const Json* inner = type_of(&part) == "Sequence" ? find_json(part, list) : nullptr;
    if (inner == nullptr || !inner->is_array())
      steps.push_back(&part);
    else
      for (const Json& step : *inner) add_steps(step, list, steps);
  }
  std::vector<const Json*> steps(std::string_view key, std::string_view list) const {
    std::vector<const Json*> steps;
    if (const Json* part = find_json(root_, key)) add_steps(*part, list, steps);
    return steps;
  }
  bool has_step(std::string_view key, std::string_view list, std::string_view type) const {
    for (const Json* step : steps(key, list))
      if (type_of(step) == type) return true;
    return false;
  }
  static bool types_are(const std::vector<const Json*>& steps, std::initializer_list<std::string_view> types) {
    return std::equal(steps.begin(), steps.end(), types.begin(), types.end(),
                      [](const Json* step, std::string_view type) { return type_of(step) == type; });
  }

  /// Pieces by id. Ids may be unused or belong to added tokens; the number of gaps is limited, so that a file cannot
  /// ask for much memory.
  std::vector<std::string> pieces(const Json& model) const {
    constexpr std::size_t most_left_out = 65'536;
    const Json& vocab = require_object(model, "vocab", file_, "model");
    const std::size_t limit = vocab.size() + most_left_out;
    std::vector<std::string> pieces;
    for (const auto& [piece, id] : vocab.items()) {
      if (!is_whole_number(id) || id.get<std::size_t>() >= limit)
        refuse("key ", json_path("model.vocab", piece), " is ", json_kind(id), ", expected an id below ", limit,
               ": there are ", vocab.size(), " pieces, and at most ", most_left_out, " ids may be left out");
      if (piece.empty()) refuse("key 'model.vocab' holds an empty piece, expected some text in each");
      const auto place = id.get<std::size_t>();
      if (place >= pieces.size()) pieces.resize(place + 1);
      if (!pieces[place].empty())
        refuse("key ", json_path("model.vocab", piece), " is ", json_kind(id),
               ", expected an id of its own: ", printable(pieces[place]), " has it already");
      pieces[place] = piece;
    }
    return pieces;
  }

  std::vector<std::pair<std::string, std::string>> merges(const Json& model) const {
    std::vector<std::pair<std::string, std::string>> merges;
    for (const Json& merge : require_array(model, "merges", file_, "model"))
      merges.push_back(merge.is_string() ? spaced_pair(merge.get<std::string>(), merges.size())
                                         : listed_pair(merge, merges.size()));
    return merges;
  }
  std::pair<std::string, std::string> spaced_pair(const std::string& merge, std::size_t rank) const {
    const std::size_t space = merge.find(' ');
    if (space == 0 || space == merge.npos || space + 1 == merge.size() || merge.find(' ', space + 1) != merge.npos)
      refuse("key 'model.merges': entry ", rank, " is ", printable(merge),
             ", expected two pieces with a space between");
    return {merge.substr(0, space), merge.substr(space + 1)};
  }
  std::pair<std::string, std::string> listed_pair(const Json& merge, std::size_t rank) const {
    if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string())
      refuse("key 'model.merges': entry ", rank, " is ", shown(&merge), ", expected two pieces");
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }

  AddedToken added_token(const Json& added, const std::string& parent) const {
    const auto flag = [&](const char* key) { return optional_bool(added, key, file_, parent).value_or(false); };
    const std::size_t id = require_size(added, "id", file_, parent);
    constexpr std::size_t end = 0x7fffffff;
    if (id >= end) refuse("key ", json_path(parent, "id"), " is ", id, ", expected an id below ", end);
    return {.id = static_cast<TokenId>(id),
            .content = require_string(added, "content", file_, parent),
            .special = require_bool(added, "special", file_, parent),
            .lstrip = flag("lstrip"),
            .rstrip = flag("rstrip"),
            .normalized = flag("normalized"),
            .single_word = flag("single_word")};
  }
  void check_added_token(const AddedToken& token, const Json& vocab, const std::vector<std::string>& pieces,
                         const std::string& parent) const {
    if (token.content.empty()) refuse("key ", json_path(parent, "content"), " is empty, expected some text");
    const auto id = static_cast<std::size_t>(token.id);
    if (const Json* own = find_json(vocab, token.content); own != nullptr && own->get<std::size_t>() != id)
      refuse("key ", json_path(parent, "id"), " is ", id, ", expected ", own->get<std::size_t>(), ", the id of ",
             printable(token.content), " in model.vocab");
    if (id < pieces.size() && !pieces[id].empty() && pieces[id] != token.content)
      refuse("key ", json_path(parent, "id"), " is ", id, " for ", printable(token.content),
             ", expected another: it is the id of ", printable(pieces[id]), " in model.vocab");
  }
  void check_ids(const std::vector<AddedToken>& tokens) const {
    std::vector<std::size_t> order(tokens.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return tokens[a].id != tokens[b].id ? tokens[a].id < tokens[b].id : a < b;
    });
    for (std::size_t i = 1; i < order.size(); ++i)
      if (tokens[order[i]].id == tokens[order[i - 1]].id)
        refuse("key ", json_path(message("added_tokens[", order[i], "]"), "id"), " is ", tokens[order[i]].id, " for ",
               printable(tokens[order[i]].content), ", expected another: it is the id of added_tokens[", order[i - 1],
               "], ", printable(tokens[order[i - 1]].content));
  }

  const std::filesystem::path& file_;
  const Json& root_;
};

}}}  // namespace bora::BORA_ABI::detail
