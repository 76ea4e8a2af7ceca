/// A model of any type behind one interface, for code that is compiled once for all models: commands, servers,
/// evaluation. The interface stands outside the ABI namespace and passes nothing but the standard library's types, so a
/// program and a model may be compiled for different targets.
///
/// `any/registry.hpp` makes such models of types; each call costs one virtual call beside what the model does.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bora {

/// What a model is, in numbers.
struct AnyModelInfo {
  std::string name;                   ///< of the registered type
  std::string format;                 ///< of its weights: "F32", "Bf16", …
  std::size_t vocab_size = 0;         ///< logits of a row
  std::size_t dim = 0;                ///< width of the residual stream
  std::size_t layers = 0;             ///< blocks of attention and feed-forward
  std::size_t context = 0;            ///< positions it was trained on
  std::size_t parameters = 0;         ///< elements of all tensors; a tied head counts once
  std::size_t active_parameters = 0;  ///< those that one token touches
  std::size_t weight_bytes = 0;       ///< bytes of the weights as they are held
};

/// Sizes of a session; see SessionOptions.
struct AnySessionOptions {
  std::size_t capacity = 0;   ///< most tokens a sequence holds; 0: the model's context
  std::size_t chunk = 512;    ///< tokens of a prompt that are worked on at a time
  std::size_t rewind = 0;     ///< most tokens that windows promise to take back
  std::size_t sequences = 1;  ///< texts side by side
};

/// A token and the sequence that it continues.
struct AnyToken {
  std::size_t sequence;  ///< from 0
  std::int32_t token;    ///< its id
};

/// Keys and values of some sequences of a model. What a BatchSession throws passes through.
class AnySession {
 public:
  AnySession() = default;
  AnySession(const AnySession&) = delete;
  AnySession& operator=(const AnySession&) = delete;
  virtual ~AnySession() = default;

  /// How many sequences there are.
  virtual std::size_t sequences() const = 0;
  /// Logits of a row.
  virtual std::size_t vocab_size() const = 0;
  /// Most tokens that a sequence may hold; 0 without a bound.
  virtual std::size_t limit() const = 0;
  /// Bytes of the keys and values.
  virtual std::size_t cache_bytes() const = 0;
  /// Tokens of a sequence, the pending one included.
  virtual std::size_t length(std::size_t sequence) const = 0;
  /// The token that was appended last and is not run yet, if there is one.
  virtual std::optional<std::int32_t> pending(std::size_t sequence) const = 0;

  /// Called with the tokens done and all of them; returning false cancels, and `Cancelled` is thrown.
  using Progress = std::function<bool(std::size_t, std::size_t)>;
  /// Appends a text; logits after its last token, valid until the next call.
  virtual std::span<const float> prefill(std::size_t sequence, std::span<const std::int32_t> tokens,
                                         const Progress& progress = {}) = 0;
  /// Appends a token that the next call runs.
  virtual void append(std::size_t sequence, std::int32_t token) = 0;
  /// One token for each of some sequences. `logits(r)` follows tokens[r] then, until the next call.
  virtual void step(std::span<const AnyToken> tokens) = 0;
  /// Of a row of the last step: [vocab_size].
  virtual std::span<const float> logits(std::size_t row) const = 0;

  /// Forgets what comes after `length` tokens.
  virtual void rewind(std::size_t sequence, std::size_t length) = 0;
  /// Empties a sequence.
  virtual void reset(std::size_t sequence) = 0;
  /// Makes sequence `to` a copy of `from`.
  virtual void fork(std::size_t from, std::size_t to) = 0;
  /// Writes a sequence to a file. See save_session.
  virtual void save(std::size_t sequence, const std::filesystem::path& path) const = 0;
  /// Reads it again. See restore_session.
  virtual void restore(std::size_t sequence, const std::filesystem::path& path) = 0;
};

/// A model, with the threads that work for it. It must outlive its sessions.
class AnyModel {
 public:
  AnyModel() = default;
  AnyModel(const AnyModel&) = delete;
  AnyModel& operator=(const AnyModel&) = delete;
  virtual ~AnyModel() = default;

  /// What it is, in numbers.
  virtual const AnyModelInfo& info() const = 0;
  /// Keys and values of their own; the model must outlive them.
  virtual std::unique_ptr<AnySession> session(const AnySessionOptions& options = {}) = 0;
  /// Logits of chosen rows of a text that is read from its beginning: [rows.size(), vocab_size], row i after token
  /// rows[i]. Throws TokenError for rows that the text does not have.
  virtual std::vector<float> logits(std::span<const std::int32_t> tokens, std::span<const std::size_t> rows) = 0;
};

/// One sequence of a session, with the names of a `Session`: for `generate`, and whatever else takes one.
class AnySequence {
 public:
  using Number = float;
  /// The session must outlive it.
  explicit AnySequence(AnySession& session, std::size_t sequence = 0) : session_(&session), sequence_(sequence) {}

  /// Logits of a row.
  std::size_t vocab_size() const { return session_->vocab_size(); }
  /// Most tokens it may hold; 0 without a bound.
  std::size_t limit() const { return session_->limit(); }
  /// Tokens in it, the pending one included.
  std::size_t length() const { return session_->length(sequence_); }
  /// The token that was appended last and is not run yet, if there is one.
  std::optional<std::int32_t> pending() const { return session_->pending(sequence_); }
  /// Appends a text; logits after its last token.
  std::span<const float> prefill(std::span<const std::int32_t> tokens, const AnySession::Progress& progress = {}) {
    return session_->prefill(sequence_, tokens, progress);
  }
  /// Appends a token; logits after it.
  std::span<const float> step(std::int32_t token) { return prefill({&token, 1}); }
  /// Appends a token that the next call runs.
  void append(std::int32_t token) { session_->append(sequence_, token); }
  /// Forgets what comes after `length` tokens.
  void rewind(std::size_t length) { session_->rewind(sequence_, length); }
  /// Empties it.
  void reset() { session_->reset(sequence_); }

 private:
  AnySession* session_;
  std::size_t sequence_;
};

}  // namespace bora
