/// The models that a program was compiled with, by type and format, and how to find the one that matches a checkpoint.
///
/// A source file of the program names each: `BORA_REGISTER_MODEL(bora::Mistral7B, bora::Bf16)`. Code that uses
/// registered models does not instantiate them again.
#pragma once
#include <bora/any/any_model.hpp>
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/infer/logits.hpp>
#include <bora/infer/session.hpp>
#include <bora/infer/session_file.hpp>
#include <bora/io/load.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Options for loading a checkpoint.
struct OpenOptions {
  std::size_t threads = usable_cores();  ///< threads for loading, and for its sessions
  std::string format = {};               ///< "F32", "Bf16", …: of the registered ones; empty: the first that was
  ProgressFunction progress = {};        ///< gets the parameters read and their total; false: throws Cancelled
};

/// A registered model type.
struct RegisteredModel {
  std::string name;              ///< as it was registered
  std::string_view format;       ///< of its weights
  ModelDescription description;  ///< of its type
  /// The checkpoint at a path as this model; throws as `load` does.
  std::unique_ptr<AnyModel> (*open)(const RegisteredModel&, const std::filesystem::path&, const OpenOptions&);
};

/// All registered models; the order of source files is unspecified.
inline std::vector<RegisteredModel>& registered_models() {
  static std::vector<RegisteredModel> models;
  return models;
}

namespace detail {

template <class Model>
class SessionOfAny final : public AnySession {
 public:
  SessionOfAny(const Model& model, const SessionOptions& options) : session_(model, options) {}

  std::size_t sequences() const override { return session_.sequences(); }
  std::size_t vocab_size() const override { return Model::Spec::vocab_size; }
  std::size_t limit() const override { return session_.limit(); }
  std::size_t cache_bytes() const override { return session_.cache_bytes(); }
  std::size_t length(std::size_t sequence) const override { return session_.length(sequence); }
  std::optional<TokenId> pending(std::size_t sequence) const override { return session_.pending(sequence); }

  std::span<const float> prefill(std::size_t sequence, std::span<const TokenId> tokens,
                                 const Progress& progress) override {
    rows_ = 0;
    if (!progress) return session_.prefill(sequence, tokens);
    return session_.prefill(sequence, tokens, {.progress = progress});
  }
  void append(std::size_t sequence, TokenId token) override { session_.append(sequence, token); }
  void step(std::span<const AnyToken> tokens) override {
    std::vector<BatchToken> batch;
    for (const AnyToken& t : tokens) batch.push_back({t.sequence, t.token});
    logits_ = session_.step(std::span<const BatchToken>(batch));
    rows_ = tokens.size();
  }
  std::size_t scored() const override { return session_.options().scored; }
  void score(std::size_t sequence, std::span<const TokenId> tokens) override {
    rows_ = 0;
    logits_ = session_.score(sequence, tokens);
    rows_ = logits_.size();
  }
  std::span<const float> logits(std::size_t row) const override {
    if (row >= rows_)
      throw Error(message("logits: row ", row, " was asked for, but the last step had ", rows_, " rows"));
    return logits_.row(row);
  }
  void rewind(std::size_t sequence, std::size_t length) override { session_.rewind(sequence, length); }
  void reset(std::size_t sequence) override { session_.reset(sequence); }
  void fork(std::size_t from, std::size_t to) override { session_.fork(from, to); }
  void save(std::size_t sequence, const std::filesystem::path& path) const override {
    save_session(session_, sequence, path);
  }
  void restore(std::size_t sequence, const std::filesystem::path& path) override {
    restore_session(session_, sequence, path);
  }

 private:
  BatchSession<Model> session_;
  LogitRows<float> logits_{{}, 0, 0};
  std::size_t rows_ = 0;
};

template <ModelSpec S, WeightFormat F>
class ModelOfAny final : public AnyModel {
 public:
  ModelOfAny(const RegisteredModel& entry, const std::filesystem::path& path, const OpenOptions& options)
      : pool_(options.threads), model_(load<S, F>(path, {.progress = options.progress, .pool = &pool_})) {
    const ModelDescription& d = entry.description;
    info_ = {.name = entry.name,
             .format = std::string(F::name),
             .vocab_size = d.vocab_size,
             .dim = d.dim,
             .layers = d.layers,
             .context = d.context,
             .parameters = d.parameters,
             .active_parameters = d.active_parameters,
             .weight_bytes = model_.weight_bytes()};
  }
  const AnyModelInfo& info() const override { return info_; }
  std::unique_ptr<AnySession> session(const AnySessionOptions& options) override {
    return std::make_unique<SessionOfAny<Decoder<S, F>>>(model_, SessionOptions{.capacity = options.capacity,
                                                                                .chunk = options.chunk,
                                                                                .rewind = options.rewind,
                                                                                .sequences = options.sequences,
                                                                                .scored = options.scored,
                                                                                .pool = &pool_});
  }
  std::vector<float> logits(std::span<const TokenId> tokens, std::span<const std::size_t> rows) override {
    for (const std::size_t row : rows)
      if (row >= tokens.size())
        throw TokenError(message("logits: row ", row, " was asked for of a text of ", tokens.size(), " tokens"));
    const auto all = bora::logits(model_, {1, tokens.size(), {tokens.begin(), tokens.end()}}, &pool_);
    std::vector<float> chosen;
    for (const std::size_t row : rows) {
      const auto from = all.row(0, row);
      chosen.insert(chosen.end(), from.begin(), from.end());
    }
    return chosen;
  }

 private:
  ThreadPool pool_;
  Decoder<S, F> model_;
  AnyModelInfo info_;
};

}  // namespace detail

/// Registers a model of type S in format F; `name` is its name for users. To be called in a source file before main:
/// use BORA_REGISTER_MODEL.
template <ModelSpec S, WeightFormat F>
bool register_model(std::string name) {
  registered_models().push_back({std::move(name), F::name, describe<S>(),
                                 [](const RegisteredModel& entry, const std::filesystem::path& path,
                                    const OpenOptions& options) -> std::unique_ptr<AnyModel> {
                                   return std::make_unique<detail::ModelOfAny<S, F>>(entry, path, options);
                                 }});
  return true;
}

#define BORA_REGISTER_MODEL_JOIN2(a, b) a##b
#define BORA_REGISTER_MODEL_JOIN(a, b) BORA_REGISTER_MODEL_JOIN2(a, b)
/// BORA_REGISTER_MODEL(bora::Mistral7B, bora::Bf16), in the global namespace of a source file.
#define BORA_REGISTER_MODEL(Spec, Format)                                                         \
  [[maybe_unused]] static const bool BORA_REGISTER_MODEL_JOIN(bora_registered_model_, __LINE__) = \
      ::bora::register_model<Spec, Format>(#Spec)

/// Loads the checkpoint at `path` as the first registered model that matches it. Throws ConfigError if none matches,
/// saying for each model how it differs; FileError if the checkpoint cannot be read.
inline std::unique_ptr<AnyModel> open_model(const std::filesystem::path& path, const OpenOptions& options = {}) {
  std::string reasons;
  for (const RegisteredModel& entry : registered_models()) {
    if (!options.format.empty() && options.format != entry.format) continue;
    try {
      check_checkpoint(path, entry.description);
    } catch (const ConfigError& error) {
      const std::string reason = detail::message("\n  ", entry.name, ": ", error.what());
      if (reasons.find(reason) == std::string::npos) reasons += reason;
      continue;
    }
    return entry.open(entry, path, options);
  }
  if (reasons.empty()) reasons = options.format.empty() ? " none is registered" : " none is registered in that format";
  throw ConfigError(detail::message(path.string(), ": no model of this program",
                                    options.format.empty() ? "" : " in format ", options.format, " fits:", reasons));
}

}}  // namespace bora::BORA_ABI
