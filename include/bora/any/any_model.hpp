/// A model of any type behind one interface, for code that is compiled once for all models: commands, servers,
/// evaluation. The interface is outside the ABI namespace and uses only types of the standard library, so a program and
/// a model may be compiled for different targets.
///
/// `any/registry.hpp` makes such models from model types; each call adds one virtual call to the model's own work.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bora {

/// Sizes of a model.
struct AnyModelInfo {
  std::string name;                   ///< of the registered type
  std::string format;                 ///< of its weights: "F32", "Bf16", …
  std::size_t vocab_size = 0;         ///< size of the vocabulary: logits per row
  std::size_t dim = 0;                ///< width of the residual stream
  std::size_t layers = 0;             ///< number of layers, each attention and feed-forward
  std::size_t context = 0;            ///< positions it was trained on
  std::size_t positions = 0;          ///< most tokens of a sequence; 0: unbounded, as its positions are computed
  std::size_t parameters = 0;         ///< elements of all tensors; a tied head counts once
  std::size_t active_parameters = 0;  ///< parameters used for one token
  std::size_t weight_bytes = 0;       ///< bytes of the weights in memory
  std::string kernels;                ///< what runs its arithmetic: simd::target_report()
};

/// Sizes of a session; see SessionOptions.
struct AnySessionOptions {
  std::size_t capacity = 0;   ///< most tokens a sequence holds; 0: the model's context
  std::size_t chunk = 512;    ///< tokens of a prompt that are processed at a time
  std::size_t rewind = 0;     ///< most tokens that can be rewound with sliding windows
  std::size_t sequences = 1;  ///< number of sequences
  std::size_t scored = 0;     ///< most tokens of one call of `score`, the pending one included
};

/// A token and the sequence that it continues.
struct AnyToken {
  std::size_t sequence;  ///< from 0
  std::int32_t token;    ///< its id
};

/// Keys and values of some sequences of a model. Throws what BatchSession throws.
class AnySession {
 public:
  using Token = AnyToken;
  AnySession() = default;
  AnySession(const AnySession&) = delete;
  AnySession& operator=(const AnySession&) = delete;
  virtual ~AnySession() = default;

  /// How many sequences there are.
  virtual std::size_t sequences() const = 0;
  /// Size of the vocabulary: logits per row.
  virtual std::size_t vocab_size() const = 0;
  /// Most tokens of a sequence; 0: unbounded.
  virtual std::size_t limit() const = 0;
  /// Bytes of the keys and values.
  virtual std::size_t cache_bytes() const = 0;
  /// Sequence length, including the pending token.
  virtual std::size_t length(std::size_t sequence) const = 0;
  /// The pending token, if any: the last one appended, not yet run through the model.
  virtual std::optional<std::int32_t> pending(std::size_t sequence) const = 0;

  /// Called with the tokens processed and their total; returning false throws `Cancelled`.
  using Progress = std::function<bool(std::size_t, std::size_t)>;
  /// Appends a text; returns the logits after its last token, valid until the next call.
  virtual std::span<const float> prefill(std::size_t sequence, std::span<const std::int32_t> tokens,
                                         const Progress& progress = {}) = 0;
  /// Appends a pending token, which the next call runs through the model.
  virtual void append(std::size_t sequence, std::int32_t token) = 0;
  /// Appends one token to each of some sequences. Until the next call, `logits(r)` are the logits after tokens[r].
  virtual void step(std::span<const AnyToken> tokens) = 0;
  /// Most tokens of one call of `score`.
  virtual std::size_t scored() const = 0;
  /// Appends tokens, a pending one first, in one forward pass. Until the next call, `logits(r)` are the logits after
  /// the r-th of them. See BatchSession::score.
  virtual void score(std::size_t sequence, std::span<const std::int32_t> tokens) = 0;
  /// Logits of a row of the last step or score: [vocab_size].
  virtual std::span<const float> logits(std::size_t row) const = 0;

  /// Rewinds to `length` tokens.
  virtual void rewind(std::size_t sequence, std::size_t length) = 0;
  /// Empties a sequence.
  virtual void reset(std::size_t sequence) = 0;
  /// Makes sequence `to` a copy of `from`.
  virtual void fork(std::size_t from, std::size_t to) = 0;
  /// Writes a sequence to a file. See save_session.
  virtual void save(std::size_t sequence, const std::filesystem::path& path) const = 0;
  /// Restores a sequence from a file. See restore_session.
  virtual void restore(std::size_t sequence, const std::filesystem::path& path) = 0;
};

/// Weights as they are in memory.
struct AnyPackedWeights {
  std::span<const std::byte> bytes;  ///< a view, valid as long as the model
  std::vector<std::byte> kinds;      ///< a byte a matrix, in the order of its tensors: its kind in a `Mixed` model
};

/// A tensor of a model: the members of TensorId and TensorShape.
struct AnyTensor {
  std::string_view name;  ///< the library's name of it; lives as long as the program
  std::size_t layer;      ///< from 0; 0 too where the tensor is in no layer
  std::size_t expert;     ///< from 0; 0 too where the tensor is in no expert
  std::size_t rows;       ///< outputs
  std::size_t cols;       ///< inputs; 0: a vector
};

/// Where a model's weights come from. What reads files is compiled once in a program, not with every model.
///
/// Types with one layout for all targets cross by address, as they do between a program and its kernels
/// (simd/kernel_table.hpp).
class AnyTensorSource {
 public:
  AnyTensorSource() = default;
  AnyTensorSource(const AnyTensorSource&) = delete;
  AnyTensorSource& operator=(const AnyTensorSource&) = delete;
  virtual ~AnyTensorSource() = default;

  /// Writes where a tensor is stored, a StoredTensor, to `stored`. Throws Cancelled if loading shall end.
  virtual void find(const AnyTensor& tensor, void* stored) = 0;
  /// Rows [begin, end) of a StoredTensor have been packed. Throws FileError where their elements are not finite.
  virtual void done(const void* stored, std::size_t begin, std::size_t end, bool finite) = 0;
  /// A tensor's elements, row-major.
  virtual void read(const AnyTensor& tensor, std::span<float> out) = 0;
  /// The MatrixKind of a matrix of a `Mixed` model.
  virtual std::uint8_t kind(const AnyTensor& tensor) = 0;
  /// Weights that are packed already: [packed_bytes], writable, on a boundary of 64; empty where there are none.
  virtual std::span<std::byte> packed(std::size_t packed_bytes) = 0;
};

/// A model and its threads. It must outlive its sessions.
class AnyModel {
 public:
  AnyModel() = default;
  AnyModel(const AnyModel&) = delete;
  AnyModel& operator=(const AnyModel&) = delete;
  virtual ~AnyModel() = default;

  /// Sizes of the model.
  virtual const AnyModelInfo& info() const = 0;
  /// Makes a session with its own keys and values; the model must outlive it.
  virtual std::unique_ptr<AnySession> session(const AnySessionOptions& options = {}) = 0;
  /// Runs a text from its beginning and returns the logits of chosen rows: [rows.size(), vocab_size], row i after token
  /// rows[i]. Throws TokenError for rows that the text does not have.
  virtual std::vector<float> logits(std::span<const std::int32_t> tokens, std::span<const std::size_t> rows) = 0;
  /// Runs a text from its beginning and returns the natural logarithm of each token's probability after the tokens
  /// before it: [tokens.size() - 1], element i of tokens[i + 1].
  virtual std::vector<double> log_probabilities(std::span<const std::int32_t> tokens) = 0;
  /// The weights as they are in memory, the same bytes on every processor, and the format of each matrix.
  virtual AnyPackedWeights packed() const = 0;
};

/// One sequence of a session with the interface of `Session`, for `generate` and other code that takes one.
class AnySequence {
 public:
  using Number = float;
  /// The session must outlive it.
  explicit AnySequence(AnySession& session, std::size_t sequence = 0) : session_(&session), sequence_(sequence) {}

  /// Size of the vocabulary: logits per row.
  std::size_t vocab_size() const { return session_->vocab_size(); }
  /// Most tokens of the sequence; 0: unbounded.
  std::size_t limit() const { return session_->limit(); }
  /// Sequence length, including the pending token.
  std::size_t length() const { return session_->length(sequence_); }
  /// The pending token, if any: the last one appended, not yet run through the model.
  std::optional<std::int32_t> pending() const { return session_->pending(sequence_); }
  /// Appends a text; returns the logits after its last token.
  std::span<const float> prefill(std::span<const std::int32_t> tokens, const AnySession::Progress& progress = {}) {
    return session_->prefill(sequence_, tokens, progress);
  }
  /// Appends a token; returns the logits after it.
  std::span<const float> step(std::int32_t token) { return prefill({&token, 1}); }
  /// Most tokens of one call of `score`.
  std::size_t scored() const { return session_->scored(); }
  /// Rows of logits; a view that the session's next call overwrites.
  struct Rows {
    const AnySession* session;  ///< whose they are
    /// Of a row: [vocab_size].
    std::span<const float> row(std::size_t r) const { return session->logits(r); }
  };
  /// Appends tokens; returns the logits after each of them, a pending token's first.
  Rows score(std::span<const std::int32_t> tokens) {
    session_->score(sequence_, tokens);
    return {session_};
  }
  /// Appends a pending token, which the next call runs through the model.
  void append(std::int32_t token) { session_->append(sequence_, token); }
  /// Rewinds to `length` tokens.
  void rewind(std::size_t length) { session_->rewind(sequence_, length); }
  /// Empties it.
  void reset() { session_->reset(sequence_); }

 private:
  AnySession* session_;
  std::size_t sequence_;
};

}  // namespace bora
