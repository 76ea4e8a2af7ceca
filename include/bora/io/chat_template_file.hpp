/// Recognises the chat template that comes with a model.
#pragma once
#include <bora/core/error.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/jinja.hpp>
#include <bora/io/json.hpp>
#include <bora/text/chat.hpp>
#include <bora/text/chat_template.hpp>
#include <bora/text/tokenizer.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Runs a file's template on a few conversations and compares what it writes with what the known templates would.
class ChatTemplateMatch {
 public:
  ChatTemplateMatch(std::string_view source, const Tokenizer& tokenizer) : source_(source), tokenizer_(tokenizer) {}

  /// Throws ConfigError where none fits.
  ChatTemplate find() {
    const std::string question = write({{ChatRole::user, "one"}});
    for (const ChatTemplate& known : chat_templates())
      for (const bool bos : {known.bos, !known.bos}) {
        ChatTemplate form = known;
        form.bos = bos;
        if (!usable(form)) continue;
        form.default_system = system_in(form, question);
        if (fits(form)) return by_tokenizer(form);
      }
    throw ConfigError(message("the model's chat template is none that is known: for one turn it writes ",
                              printable(question), ", expected another choice by --template"));
  }

 private:
  using Turns = std::vector<ChatTurn>;

  std::string spelled(std::optional<TokenId> id) const {
    const AddedToken* token = id ? tokenizer_.added_token(*id) : nullptr;
    return token == nullptr ? std::string() : token->content;
  }
  /// What the template writes for these turns; once for the same.
  const std::string& write(const Turns& turns) const {
    std::string key;
    for (const ChatTurn& turn : turns) key += std::to_string(static_cast<int>(turn.role)) + turn.text + '\n';
    const auto known = written_.find(key);
    return known != written_.end() ? known->second : written_.emplace(std::move(key), run(turns)).first->second;
  }
  std::string run(const Turns& turns) const try {
    constexpr const char* roles[] = {"system", "user", "assistant"};
    Json messages = Json::array();
    for (const ChatTurn& turn : turns)
      messages.push_back({{"role", roles[static_cast<std::size_t>(turn.role)]}, {"content", turn.text}});
    return JinjaRun::render(source_, {{"messages", std::move(messages)},
                                      {"bos_token", spelled(tokenizer_.facts().bos)},
                                      {"eos_token", spelled(tokenizer_.facts().eos)},
                                      {"add_generation_prompt", true}});
  } catch (const JinjaError& error) {
    throw ConfigError(message("the model's chat template ", error.what(),
                              ", expected a template that is known, or "
                              "another choice by --template"));
  }

  bool usable(const ChatTemplate& form) const {
    return std::all_of(form.needs.begin(), form.needs.end(),
                       [&](const std::string& token) { return tokenizer_.added_token(token).has_value(); });
  }
  /// The instructions that the template gives where there are none.
  std::string system_in(const ChatTemplate& form, std::string_view question) const {
    if (form.system_in_user) return "";
    const std::string front = text_of(form, (form.bos ? std::string(1, chat_bos) : "") + form.system.front);
    const std::size_t end = question.find(text_of(form, form.system.behind + form.user.front));
    return question.starts_with(front) && end != question.npos && end > front.size()
               ? std::string(question.substr(front.size(), end - front.size()))
               : std::string();
  }
  /// Marks as text.
  std::string text_of(const ChatTemplate&, std::string_view marks) const {
    std::string text;
    for (const char c : marks)
      if (c == chat_bos)
        text += spelled(tokenizer_.facts().bos);
      else if (c == chat_eos)
        text += spelled(tokenizer_.facts().eos);
      else
        text += c == chat_space ? ' ' : c;
    return text;
  }
  std::string expected(const ChatTemplate& form, const Turns& turns) const {
    const auto said = [&](std::string_view text) { return std::string(form.trims ? trimmed(text) : text); };
    std::string system = form.default_system, all = form.bos ? std::string(1, chat_bos) : std::string();
    std::size_t first = 0;
    if (turns[0].role == ChatRole::system) system = said(turns[first++].text);
    if (!form.system_in_user && !system.empty()) all += form.system.front + system + form.system.behind;
    for (std::size_t i = first; i < turns.size(); ++i) {
      if (turns[i].role == ChatRole::assistant) {
        all += form.assistant.front + said(turns[i].text) + form.assistant.behind;
        continue;
      }
      if (i > first) all += form.between;
      all += form.user.front;
      if (i == first && form.system_in_user && !system.empty()) all += form.system.front + system + form.system.behind;
      all += said(turns[i].text) + form.user.behind;
    }
    return text_of(form, all + (form.system_in_user ? "" : form.assistant.front));
  }
  /// Of templates with [INST], the versions put spaces beside marks differently; tokenizers make up for that.
  std::string compared(const ChatTemplate& form, std::string text) const {
    if (!form.name.starts_with("mistral")) return text;
    std::vector<std::string> marks{"[INST]",
                                   "[/INST]",
                                   "[SYSTEM_PROMPT]",
                                   "[/SYSTEM_PROMPT]",
                                   spelled(tokenizer_.facts().bos),
                                   spelled(tokenizer_.facts().eos)};
    for (const std::string& mark : marks)
      for (std::size_t at = 0; !mark.empty() && (at = text.find(mark, at)) != text.npos; at += mark.size()) {
        while (at + mark.size() < text.size() && text[at + mark.size()] == ' ') text.erase(at + mark.size(), 1);
        while (at > 0 && text[at - 1] == ' ') text.erase(--at, 1);
      }
    while (text.ends_with(' ')) text.pop_back();
    return text;
  }
  bool same(const ChatTemplate& form, const Turns& turns) const {
    return compared(form, write(turns)) == compared(form, expected(form, turns));
  }
  bool fits(ChatTemplate& form) const {
    const Turns two{{ChatRole::user, "one"}, {ChatRole::assistant, "two"}, {ChatRole::user, "three"}};
    if (!same(form, {{ChatRole::user, "one"}}) || !same(form, two)) return false;
    const bool mistral = form.name.starts_with("mistral");
    if (!mistral) {
      const Turns spaced{{ChatRole::user, " one "}, {ChatRole::assistant, "two"}, {ChatRole::user, "\nthree\n"}};
      if (!same(form, spaced)) form.trims = !form.trims;
      if (!same(form, spaced)) return false;
    }
    try {
      return same(form, {{ChatRole::system, "zero"}, {ChatRole::user, "one"}});
    } catch (const ConfigError&) {
      return true;  // a template without instructions
    }
  }
  /// The versions of Mistral's differ in tokens, not in text.
  ChatTemplate by_tokenizer(ChatTemplate form) const {
    if (!form.name.starts_with("mistral") || form.name == "mistral-v7") return form;
    const bool token = tokenizer_.added_token("[INST]").has_value();
    const bool bytes =
        tokenizer_.facts().kind.find("byte-level") != std::string::npos || tokenizer_.facts().kind == "tekken";
    ChatTemplate own = *find_chat_template(!token ? "mistral-v1" : bytes ? "mistral-tekken" : "mistral-v3");
    own.bos = form.bos;
    return own;
  }

  std::string_view source_;
  const Tokenizer& tokenizer_;
  mutable std::map<std::string, std::string> written_;
};

}  // namespace detail

/// The known template that `source`, a model's own Jinja template, is: one that writes the same turns. Throws
/// ConfigError where it writes something else or cannot be evaluated, showing what it writes.
inline ChatTemplate match_chat_template(std::string_view source, const Tokenizer& tokenizer) {
  return detail::ChatTemplateMatch(source, tokenizer).find();
}

/// The Jinja template of a folder: `chat_template.jinja`, or the key `chat_template` of `tokenizer_config.json`, of
/// several the one that is named "default". Nothing where there is none.
inline std::optional<std::string> read_chat_template(const std::filesystem::path& folder) {
  if (const auto file = folder / "chat_template.jinja"; std::filesystem::exists(file))
    return std::string(MappedFile(file).text());
  const auto file = folder / "tokenizer_config.json";
  if (!std::filesystem::exists(file)) return std::nullopt;
  const Json root = read_json(file, json_settings);
  const Json* found = detail::find_json(root, "chat_template");
  if (found != nullptr && found->is_array()) {
    const Json& list = *found;
    found = nullptr;
    for (const Json& named : list)
      if (const Json* name = detail::find_json(named, "name"); name != nullptr && *name == "default")
        found = detail::find_json(named, "template");
  }
  return found != nullptr && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

}}  // namespace bora::BORA_ABI
