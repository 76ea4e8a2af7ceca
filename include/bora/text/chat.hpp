/// Chat: the turns of a conversation as the token ids that an instruction-tuned model expects.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/chat_template.hpp>
#include <bora/text/tokenizer.hpp>
#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Writes a conversation: marks of the template become control tokens, everything else is one plain text between two of
/// them, which cannot spell a control token.
class ChatWriter {
 public:
  /// \param at_start  whether nothing stands in front
  ChatWriter(const Tokenizer& tokenizer, const ChatTemplate& form, bool at_start)
      : tokenizer_(tokenizer), at_start_(at_start), adds_space_(adds_space()) {
    for (const AddedToken& token : tokenizer.added_tokens())
      if (token.special || is_mark(token.content)) marks_.push_back(&token);
    for (const std::string& name : form.needs)
      if (!tokenizer.added_token(name))
        throw ConfigError(
            message("the template '", form.name, "' needs the token ", name, ", expected a tokenizer that has it"));
  }

  /// A text of the template.
  void mark(std::string_view text) {
    while (!text.empty()) {
      const AddedToken* found = nullptr;
      for (const AddedToken* token : marks_)
        if (text.starts_with(token->content) && (found == nullptr || token->content.size() > found->content.size()))
          found = token;
      if (found != nullptr) {
        token(found->id);
        text.remove_prefix(found->content.size());
        continue;
      }
      const char c = text[0];
      text.remove_prefix(1);
      if (c == chat_bos)
        token(tokenizer_.bos());
      else if (c == chat_eos)
        token(tokenizer_.eos());
      else if (c == chat_space)
        soft_space();
      else
        plain_ += c;
    }
  }
  /// A text of the conversation.
  void text(std::string_view text) { plain_ += text; }
  void token(TokenId id) {
    flush();
    ids_.push_back(id);
    at_start_ = false;
  }
  std::vector<TokenId> take() {
    flush();
    return std::exchange(ids_, {});
  }

 private:
  static bool is_mark(std::string_view content) noexcept {
    return !content.empty() && !trimmed(content).empty() &&
           std::string_view("<[|").find(trimmed(content)[0]) != std::string_view::npos;
  }
  bool adds_space() const {
    const std::vector<TokenId> ids = tokenizer_.encode_behind_token("x", AddedTokens::none);
    return !ids.empty() && tokenizer_.token_bytes(ids[0]).starts_with(' ');
  }
  /// A space that many tokenizers put in front of a text themselves.
  void soft_space() {
    if (!plain_.empty() || !adds_space_) plain_ += ' ';
  }
  void flush() {
    if (plain_.empty()) return;
    const std::vector<TokenId> ids = plain_ids();
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    plain_.clear();
    at_start_ = false;
  }
  /// Words that the vocabulary was extended by, such as runs of spaces, are found; where the text spells one that could
  /// mark a turn, none are.
  std::vector<TokenId> plain_ids() const {
    std::vector<TokenId> ids = encode(AddedTokens::words);
    const bool marks = std::any_of(ids.begin(), ids.end(), [&](TokenId id) {
      const AddedToken* word = tokenizer_.added_token(id);
      return word != nullptr && is_mark(word->content);
    });
    return marks ? encode(AddedTokens::none) : ids;
  }
  std::vector<TokenId> encode(AddedTokens added) const {
    return at_start_ ? tokenizer_.encode(plain_, {.bos = false, .added = added})
                     : tokenizer_.encode_behind_token(plain_, added);
  }

  const Tokenizer& tokenizer_;
  std::vector<const AddedToken*> marks_;
  std::vector<TokenId> ids_;
  std::string plain_;
  bool at_start_, adds_space_;
};

}  // namespace detail

/// One turn of a conversation.
struct ChatTurn {
  ChatRole role = ChatRole::user;  ///< who speaks
  std::string text;                ///< what is said; never a control token, whatever it spells
};

/// What a conversation begins with.
struct ChatOptions {
  std::string system = "";  ///< instructions in front of the first turn; the template's own if empty
};

/// A conversation with a model. `begin_turn` gives only the ids that are new, so a session keeps its cache:
///
///     Chat chat(tokenizer, *find_chat_template("chatml"), {.system = "Be brief."});
///     auto prompt = chat.begin_turn("Who wrote Faust?");  // append to the session, then generate up to chat.stop()
///     chat.end_turn(answer);                              // the generated ids
///     prompt = chat.begin_turn("And when?");              // closes the answer and asks on
///
/// No text of a turn becomes a control token, whatever it spells. In llama-2 and mistral-v1 the marks, such as [INST],
/// are plain text themselves, so there a text can spell those, but no BOS or EOS. Copyable: a conversation can be
/// forked.
class Chat {
 public:
  /// Throws ConfigError if the tokenizer lacks a token that the template needs.
  Chat(Tokenizer tokenizer, ChatTemplate form, ChatOptions options = {})
      : tokenizer_(std::move(tokenizer)), form_(std::move(form)), options_(std::move(options)) {
    detail::ChatWriter(tokenizer_, form_, true);  // has the tokens it needs
    if (form_.bos) tokenizer_.bos();
  }

  /// The template.
  const ChatTemplate& form() const noexcept { return form_; }
  /// The ids at which an answer ends.
  std::vector<TokenId> stop() const {
    std::vector<TokenId> ids;
    for (const std::string& name : form_.stops)
      if (const auto id = tokenizer_.added_token(name)) ids.push_back(*id);
    if (const auto eos = tokenizer_.facts().eos; eos && std::find(ids.begin(), ids.end(), *eos) == ids.end())
      ids.push_back(*eos);
    return ids;
  }

  /// The ids to append to what the model has seen, up to where its answer begins: at the first turn from the very
  /// beginning (BOS and system prompt included), later with the end of the answer before.
  std::vector<TokenId> begin_turn(std::string_view user) {
    detail::ChatWriter writer(tokenizer_, form_, turns_ == 0);
    if (turns_ == 0)
      open(writer);
    else
      close_answer(writer);
    write_user(writer, user);
    write_prompt(writer);
    ++turns_;
    return writer.take();
  }
  /// Tells what the model answered. \param answer  the generated ids, with or without the one that ended it
  void end_turn(std::span<const TokenId> answer) {
    const std::vector<TokenId> ends = stop();
    ended_ = !answer.empty() && std::find(ends.begin(), ends.end(), answer.back()) != ends.end();
  }

  /// A whole conversation: turns of user and assistant in alternation, a system turn in front at most. Ends where the
  /// model's answer begins if the last turn is the user's, else behind the last answer. Throws ConfigError for turns in
  /// another order.
  std::vector<TokenId> encode(std::span<const ChatTurn> turns) const {
    Chat chat = *this;
    if (!turns.empty() && turns[0].role == ChatRole::system) {
      chat.options_.system = turns[0].text;
      turns = turns.subspan(1);
    }
    detail::ChatWriter writer(tokenizer_, form_, true);
    chat.open(writer);
    for (std::size_t i = 0; i < turns.size(); ++i) {
      const ChatRole wanted = i % 2 == 0 ? ChatRole::user : ChatRole::assistant;
      if (turns[i].role != wanted)
        throw ConfigError(detail::message("turn ", i, " of the conversation is another role's, expected ",
                                          wanted == ChatRole::user ? "the user's" : "the assistant's"));
      if (wanted == ChatRole::user) {
        if (i > 0) writer.mark(chat.form_.between);
        chat.write_user(writer, turns[i].text);
        if (i + 1 == turns.size()) write_prompt(writer);
        ++chat.turns_;
      } else {
        writer.mark(form_.assistant.front);
        writer.text(chat.form_.trims ? detail::trimmed(turns[i].text) : std::string_view(turns[i].text));
        writer.mark(chat.form_.assistant.behind);
      }
    }
    return writer.take();
  }

 private:
  std::string system() const { return options_.system.empty() ? form_.default_system : options_.system; }
  void open(detail::ChatWriter& writer) const {
    if (form_.bos) writer.token(tokenizer_.bos());
    if (form_.system_in_user || system().empty()) return;
    writer.mark(form_.system.front);
    writer.text(form_.trims ? detail::trimmed(system()) : std::string_view(system()));
    writer.mark(form_.system.behind);
  }
  void write_user(detail::ChatWriter& writer, std::string_view user) const {
    writer.mark(form_.user.front);
    if (turns_ == 0 && form_.system_in_user && !system().empty()) {
      writer.text(form_.system.front);
      const std::string text = system();
      writer.text(form_.trims ? detail::trimmed(text) : std::string_view(text));
      writer.text(form_.system.behind);
    }
    writer.text(form_.trims ? detail::trimmed(user) : user);
    writer.mark(form_.user.behind);
  }
  /// What an answer follows; the space in front of a word is part of the model's first token.
  void write_prompt(detail::ChatWriter& writer) const {
    std::string_view front = form_.assistant.front;
    while (front.ends_with(' ') || front.ends_with(detail::chat_space)) front.remove_suffix(1);
    writer.mark(front);
  }
  /// The end of an answer that the model wrote: from its end token on, or behind it where the model wrote that too.
  void close_answer(detail::ChatWriter& writer) const {
    std::string_view behind = form_.assistant.behind;
    const std::string end = form_.stops.empty() ? std::string(1, detail::chat_eos) : form_.stops[0];
    behind.remove_prefix(std::min(behind.find(end), behind.size()));
    if (ended_ && behind.starts_with(end)) behind.remove_prefix(end.size());
    writer.mark(behind);
    writer.mark(form_.between);
  }

  Tokenizer tokenizer_;
  ChatTemplate form_;
  ChatOptions options_;
  std::size_t turns_ = 0;
  bool ended_ = false;
};

}}  // namespace bora::BORA_ABI
