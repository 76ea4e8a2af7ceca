/// What the keys of a GGUF file say about a model: they are translated to those of a config.json, whose families then
/// describe it.
#pragma once
#include <bora/io/gguf_file.hpp>
#include <bora/io/json.hpp>
#include <bora/model/description.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A kind of model that GGUF names in `general.architecture`.
struct GgufArchitecture {
  std::string_view name;        ///< in the file, and in front of the keys
  std::string_view model_type;  ///< of the config.json of the same model
  bool pairs_rows = false;      ///< the rows of a head's query and key alternate between its halves
  bool fuses_qkv = false;       ///< query, key and value are one tensor: all queries, all keys, all values
};

namespace detail {

inline constexpr GgufArchitecture gguf_architectures[] = {
    {"llama", "llama", true, false},  {"gpt2", "gpt2", false, true},           {"falcon", "falcon", false, true},
    {"mpt", "mpt", false, true},      {"gptneox", "gpt_neox", false, true},    {"olmo", "olmo", true, false},
    {"olmo2", "olmo2", false, false}, {"olmoe", "olmoe", false, false},        {"qwen2", "qwen2", false, false},
    {"qwen3", "qwen3", false, false}, {"qwen3moe", "qwen3_moe", false, false},
};

/// Typed access to the keys of a file, with the file's name and the key's in every error.
class GgufKeys {
 public:
  explicit GgufKeys(const GgufFiles& files) : files_(&files) { find_architecture(); }

  const GgufArchitecture& architecture() const noexcept { return *architecture_; }
  /// "llama.block_count"
  std::string key(std::string_view suffix) const { return message(architecture_->name, ".", suffix); }
  bool has(std::string_view suffix) const { return files_->find(key(suffix)) != nullptr; }
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw ConfigError(message(files_->first().path().string(), ": ", parts...));
  }

  /// A size, or one that an array gives for every layer. Throws ConfigError where it is missing (and has no default),
  /// no integer, or out of range.
  std::size_t size(std::string_view suffix, std::optional<std::size_t> missing = {}, std::size_t least = 1,
                   std::size_t most = std::size_t{1} << 31) const {
    const GgufValue* value = files_->find(key(suffix));
    if (value == nullptr && missing) return *missing;
    if (value == nullptr) refuse("has no key ", key(suffix));
    const bool per_layer = value->type == GgufType::array;
    if (per_layer ? !value->is_integer_array() : !is_gguf_integer(value->type))
      refuse("key ", key(suffix), " is of type ", type_text(*value), ", expected an integer");
    if (per_layer && value->count == 0) refuse("key ", key(suffix), " is an empty array");
    for (std::size_t i = 0; i < value->count; ++i) {
      const double number = value->number(i);
      if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)))
        refuse("key ", key(suffix), " is ", number, ", expected a number from ", least, " to ", most);
      if (value->integer(i) != value->integer(0))
        refuse("key ", key(suffix), " is ", value->integer(0), " for layer 0 and ", value->integer(i), " for layer ", i,
               ", expected the same for all");
    }
    return static_cast<std::size_t>(value->integer());
  }
  /// A positive finite number.
  double real(std::string_view suffix, std::optional<double> missing = {}) const {
    const GgufValue* value = files_->find(key(suffix));
    if (value == nullptr && missing) return *missing;
    if (value == nullptr) refuse("has no key ", key(suffix));
    if (value->type != GgufType::f32 && value->type != GgufType::f64)
      refuse("key ", key(suffix), " is of type ", type_text(*value), ", expected a float");
    const double number = value->number();
    if (!(number > 0 && number <= std::numeric_limits<double>::max()))
      refuse("key ", key(suffix), " is ", number, ", expected a positive finite number");
    return as_written(number);
  }
  bool flag(std::string_view suffix) const {
    const GgufValue* value = files_->find(key(suffix));
    if (value == nullptr) refuse("has no key ", key(suffix));
    if (value->type != GgufType::boolean)
      refuse("key ", key(suffix), " is of type ", type_text(*value), ", expected a bool");
    return value->integer() != 0;
  }
  std::string_view word(std::string_view suffix, std::string_view missing) const {
    const GgufValue* value = files_->find(key(suffix));
    if (value == nullptr) return missing;
    if (value->type != GgufType::string)
      refuse("key ", key(suffix), " is of type ", type_text(*value), ", expected a string");
    return value->text();
  }

  static std::string type_text(const GgufValue& value) {
    if (value.type != GgufType::array) return std::string(gguf_type_name(value.type));
    return message("array of ", gguf_type_name(value.element));
  }

 private:
  /// The double that a float stands for: 1e-5 was written as the nearest float.
  static double as_written(double number) {
    const auto narrow = static_cast<float>(number);
    if (static_cast<double>(narrow) != number) return number;
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, narrow).ptr;
    double wide = number;
    std::from_chars(text, end, wide);
    return wide;
  }
  void find_architecture() {
    const GgufValue* name = files_->find("general.architecture");
    if (name == nullptr) refuse("has no key general.architecture");
    std::string known;
    for (const GgufArchitecture& one : gguf_architectures) {
      if (name->type == GgufType::string && name->text() == one.name) architecture_ = &one;
      known += message(known.empty() ? "" : ", ", one.name);
    }
    if (architecture_ == nullptr)
      refuse("key general.architecture is ", name->type == GgufType::string ? printable(name->text()) : "no string",
             ", expected one of ", known);
  }

  const GgufFiles* files_;
  const GgufArchitecture* architecture_ = nullptr;
};

/// Llama 3's scaling of rotary frequencies, from the divisors that files hold of it: pairs whose wave is short keep
/// their frequency, long ones divide it by the factor, and between them lies a line in the frequency. Any of the
/// settings that give the same line will do; the usual low_freq_factor, 1, and high_freq_factor, 4, are tried first.
inline Json llama3_scaling(std::span<const float> divisors, double theta, const GgufKeys& keys) {
  const double factor = static_cast<double>(*std::ranges::max_element(divisors));
  const std::size_t pairs = divisors.size();
  const auto turns = [&](std::size_t c) {  // of a pair over one position
    return std::pow(theta, -static_cast<double>(c) / static_cast<double>(pairs)) / (2 * std::numbers::pi);
  };
  const auto fits = [&](double context, double low, double high) {
    for (std::size_t c = 0; c < pairs; ++c) {
      const double s = std::clamp((context * turns(c) - low) / (high - low), 0.0, 1.0);
      if (std::abs(1 / (s + (1 - s) / factor) - static_cast<double>(divisors[c])) > 2e-5 * factor) return false;
    }
    return true;
  };
  const auto settings = [&](double context, double low, double high) {
    return json_object({{"rope_type", "llama3"},
                        {"factor", factor},
                        {"low_freq_factor", low},
                        {"high_freq_factor", high},
                        {"original_max_position_embeddings", static_cast<std::uint64_t>(context)}});
  };
  for (std::size_t c = 0; c < pairs; ++c) {  // a pair on the line tells the context
    const double kept = (factor / static_cast<double>(divisors[c]) - 1) / (factor - 1);
    if (!(kept > 1e-4 && kept < 1 - 1e-4)) continue;
    const double context = std::round((1 + 3 * kept) / turns(c));
    if (fits(context, 1, 4)) return settings(context, 1, 4);
  }
  for (double context = 16; context <= 1 << 22; context *= 2)
    if (fits(context, 1, 4)) return settings(context, 1, 4);
  keys.refuse(
      "tensor rope_freqs.weight holds divisors that are not those of Llama 3's scaling, which is the only one "
      "that is read from such a tensor");
}

/// Builds the config.json of the model of a GGUF file.
class GgufConfig {
 public:
  explicit GgufConfig(const GgufFiles& files) : files_(&files), keys_(files) {}

  /// \param window  of the model's type, for files of Mistral that leave it out; 0: none
  Json build(std::size_t window) {
    const std::string_view type = keys_.architecture().model_type;
    config_["model_type"] = type;
    config_["vocab_size"] = vocab_size();
    config_["tie_word_embeddings"] = is_tied();
    if (type == "gpt2")
      gpt2();
    else if (type == "falcon")
      falcon();
    else if (type == "mpt")
      mpt();
    else if (type == "gpt_neox")
      gpt_neox();
    else
      llama_like(window);
    return std::move(config_);
  }

 private:
  bool there(std::string_view tensor) const { return files_->find_tensor(tensor) != nullptr; }

  std::size_t vocab_size() const {
    const GgufValue* tokens = files_->find("tokenizer.ggml.tokens");
    const std::size_t said = keys_.size("vocab_size", std::size_t{0}, 0);
    if (tokens == nullptr) {
      const GgufFiles::Place* table = files_->find_tensor("token_embd.weight");
      return said != 0 || table == nullptr ? said : table->tensor->shape.front();
    }
    if (!tokens->is_array_of(GgufType::string))
      keys_.refuse("key tokenizer.ggml.tokens is of type ", GgufKeys::type_text(*tokens),
                   ", expected an array of strings");
    if (tokens->count == 0) keys_.refuse("key tokenizer.ggml.tokens is empty");
    if (said != 0 && said != tokens->count)
      keys_.refuse("key ", keys_.key("vocab_size"), " is ", said, ", but tokenizer.ggml.tokens has ", tokens->count,
                   " entries");
    return static_cast<std::size_t>(tokens->count);
  }
  /// A head that is written out although it is the embedding counts as tied.
  bool is_tied() const {
    const GgufFiles::Place *head = files_->find_tensor("output.weight"),
                           *table = files_->find_tensor("token_embd.weight");
    return head == nullptr || (table != nullptr && head->tensor->type == table->tensor->type &&
                               std::ranges::equal(head->tensor->bytes, table->tensor->bytes));
  }

  void sizes(const char* dim, const char* layers, const char* heads, const char* context) {
    config_[context] = keys_.size("context_length");
    config_[dim] = dim_ = keys_.size("embedding_length");
    config_[layers] = keys_.size("block_count", {}, 1, 65536);
    config_[heads] = heads_ = keys_.size("attention.head_count");
    kv_heads_ = keys_.size("attention.head_count_kv", heads_);
    hidden_ = keys_.size("feed_forward_length");
    if (heads_ % kv_heads_ != 0)
      keys_.refuse("key ", keys_.key("attention.head_count"), " is ", heads_, ", no multiple of ",
                   keys_.key("attention.head_count_kv"), ", ", kv_heads_);
    if (!keys_.has("attention.key_length") && dim_ % heads_ != 0)
      keys_.refuse("key ", keys_.key("embedding_length"), " is ", dim_, ", no multiple of ",
                   keys_.key("attention.head_count"), ", ", heads_);
    head_dim_ = keys_.size("attention.key_length", dim_ / heads_);
    if (const std::size_t values = keys_.size("attention.value_length", head_dim_); values != head_dim_)
      keys_.refuse("key ", keys_.key("attention.value_length"), " is ", values, ", expected ",
                   keys_.key("attention.key_length"), ", ", head_dim_);
  }
  /// Components of a head that rotate.
  std::size_t turned(std::size_t missing) const {
    const std::size_t count = keys_.size("rope.dimension_count", missing);
    if (count > head_dim_)
      keys_.refuse("key ", keys_.key("rope.dimension_count"), " is ", count, ", but a head has ", head_dim_,
                   " components");
    return count;
  }

  void gpt2() {
    sizes("n_embd", "n_layer", "n_head", "n_positions");
    config_["n_inner"] = hidden_;
    config_["layer_norm_epsilon"] = keys_.real("attention.layer_norm_epsilon");
    config_["activation_function"] = json_text("gelu_new");
  }
  void falcon() {
    sizes("hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings");
    const bool is_new = there("blk.0.attn_norm_2.weight") || (kv_heads_ != 1 && kv_heads_ != heads_);
    config_["new_decoder_architecture"] = is_new;
    config_["multi_query"] = kv_heads_ == 1;
    if (is_new) config_["num_kv_heads"] = kv_heads_;
    if (is_new && !there("blk.0.attn_norm_2.weight")) config_["num_ln_in_parallel_attn"] = 1;
    config_["parallel_attn"] = true;
    config_["bias"] = there("blk.0.attn_qkv.bias");
    config_["ffn_hidden_size"] = hidden_;
    config_["layer_norm_epsilon"] = keys_.real("attention.layer_norm_epsilon");
    config_["rope_theta"] = keys_.real("rope.freq_base", 10000.0);
  }
  void mpt() {
    sizes("d_model", "n_layers", "n_heads", "max_seq_len");
    if (hidden_ % dim_ != 0)
      keys_.refuse("key ", keys_.key("feed_forward_length"), " is ", hidden_, ", no multiple of ",
                   keys_.key("embedding_length"), ", ", dim_);
    config_["expansion_ratio"] = hidden_ / dim_;
    config_["layer_norm_epsilon"] = keys_.real("attention.layer_norm_epsilon");
    config_["no_bias"] = true;
    Json& a = config_["attn_config"] = Json::object();
    const bool alibi = keys_.has("attention.max_alibi_bias");
    a["alibi"] = alibi;
    if (alibi) a["alibi_bias_max"] = keys_.real("attention.max_alibi_bias");
    a["clip_qkv"] = keys_.has("attention.clamp_kqv") ? Json(keys_.real("attention.clamp_kqv")) : Json();
  }
  void gpt_neox() {
    sizes("hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings");
    config_["intermediate_size"] = hidden_;
    config_["hidden_act"] = json_text("gelu");
    config_["rotary_pct"] = static_cast<double>(turned(head_dim_)) / static_cast<double>(head_dim_);
    config_["rotary_emb_base"] = keys_.real("rope.freq_base", 10000.0);
    config_["layer_norm_eps"] = keys_.real("attention.layer_norm_epsilon");
    config_["use_parallel_residual"] = keys_.flag("use_parallel_residual");
    config_["attention_bias"] = there("blk.0.attn_qkv.bias");
  }

  void llama_like(std::size_t window) {
    const std::string_view type = keys_.architecture().model_type;
    sizes("hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings");
    config_["num_key_value_heads"] = kv_heads_;
    config_["intermediate_size"] = hidden_;
    config_["hidden_act"] = json_text("silu");
    config_["rope_theta"] = keys_.real("rope.freq_base", 10000.0);
    if (type != "olmo" && type != "olmo2" && type != "olmoe" && type != "qwen2") config_["head_dim"] = head_dim_;
    if (type == "olmo") {
      if (const double eps = keys_.real("attention.layer_norm_epsilon"); static_cast<float>(eps) != 1e-5f)
        keys_.refuse("key ", keys_.key("attention.layer_norm_epsilon"), " is ", eps, ", expected 1e-5");
      config_["clip_qkv"] = keys_.has("attention.clamp_kqv") ? Json(keys_.real("attention.clamp_kqv")) : Json();
    } else {
      config_["rms_norm_eps"] = keys_.real("attention.layer_norm_rms_epsilon");
    }
    if (type == "llama") config_["attention_bias"] = there("blk.0.attn_output.bias");
    if (const std::size_t count = turned(head_dim_); count != head_dim_)
      keys_.refuse("key ", keys_.key("rope.dimension_count"), " is ", count, ", expected ", head_dim_,
                   ", all components of a head");
    scaling();
    experts();
    this->window(window);
  }
  void window(std::size_t of_type) {
    if (config_["model_type"] != "llama" && config_["model_type"] != "mixtral") return;
    const std::size_t window = keys_.size("attention.sliding_window", of_type, 0);
    if (config_["model_type"] == "llama" && window == 0) return;
    config_["sliding_window"] = window == 0 ? Json() : Json(window);
    if (config_["model_type"] == "mixtral") return;
    config_["model_type"] = json_text("mistral");
    config_.erase("attention_bias");
  }
  void scaling() {
    const bool old = keys_.has("rope.scale_linear");
    const double factor = keys_.real(old ? "rope.scale_linear" : "rope.scaling.factor", 1.0);
    const std::string_view type = keys_.word("rope.scaling.type", factor == 1 ? "none" : "linear");
    if (type != "none" && type != "linear" && type != "yarn")
      keys_.refuse("key ", keys_.key("rope.scaling.type"), " is ", printable(type), ", expected none, linear or yarn");
    if (const GgufFiles::Place* divisors = files_->find_tensor("rope_freqs.weight"))
      return rope_freqs(*divisors->tensor);
    if (type == "none" || factor == 1) return;
    config_["rope_scaling"] = json_object({{"rope_type", type}, {"factor", factor}});
    if (type == "yarn")
      config_["rope_scaling"]["original_max_position_embeddings"] = keys_.size("rope.scaling.original_context_length");
  }
  void rope_freqs(const GgufFile::Tensor& tensor) {
    if (tensor.type != ElementType::f32 || tensor.shape != std::vector{head_dim_ / 2})
      keys_.refuse("tensor rope_freqs.weight is ", facts_of(tensor.type).name, " ", shape_text(tensor.shape),
                   ", expected F32 [", head_dim_ / 2, "]");
    std::vector<float> divisors(head_dim_ / 2);
    std::memcpy(divisors.data(), tensor.bytes.data(), tensor.bytes.size());
    bool scales = false;
    for (const float divisor : divisors) {
      if (!(divisor > 0 && divisor <= std::numeric_limits<float>::max()))
        keys_.refuse("tensor rope_freqs.weight holds the divisor ", divisor, ", expected positive finite numbers");
      scales |= divisor != 1;
    }
    if (scales) config_["rope_scaling"] = llama3_scaling(divisors, config_["rope_theta"].get<double>(), keys_);
  }
  void experts() {
    const std::size_t experts = keys_.size("expert_count", std::size_t{0}, 0, 65536);
    if (experts == 0) return;
    const std::size_t used = keys_.size("expert_used_count", {}, 0);
    if (used == 0 || used > experts)
      keys_.refuse("key ", keys_.key("expert_used_count"), " is ", used, ", expected 1 to ", keys_.key("expert_count"),
                   ", ", experts);
    check_router(experts);
    const std::string_view type = keys_.architecture().model_type;
    config_[type == "llama" ? "num_local_experts" : "num_experts"] = experts;
    config_["num_experts_per_tok"] = used;
    if (type == "llama") {
      config_["model_type"] = json_text("mixtral");
      config_.erase("attention_bias");
    }
    if (type == "olmoe") config_["norm_topk_prob"] = false;
    if (type == "qwen3_moe") {
      config_["norm_topk_prob"] = true;
      config_["moe_intermediate_size"] = keys_.size("expert_feed_forward_length", hidden_);
    }
  }
  /// The list of a model's tensors is as long as this number says: it is checked first.
  void check_router(std::size_t experts) const {
    const GgufFiles::Place* router = files_->find_tensor("blk.0.ffn_gate_inp.weight");
    if (router == nullptr) return;
    const std::vector<std::size_t> expected{experts, dim_};
    if (router->tensor->shape != expected)
      keys_.refuse("tensor blk.0.ffn_gate_inp.weight has shape ", shape_text(router->tensor->shape), ", expected ",
                   shape_text(expected));
  }

  const GgufFiles* files_;
  GgufKeys keys_;
  Json config_ = Json::object();
  std::size_t dim_ = 0, heads_ = 0, kv_heads_ = 0, head_dim_ = 0, hidden_ = 0;
};

}  // namespace detail

/// The config.json of the model in a GGUF file. Throws ConfigError, naming the key, for what is missing or impossible.
/// \param window  the sliding window of the type to be loaded: files of Mistral leave it out. 0: none
inline Json config_of_gguf(const GgufFiles& files, std::size_t window = 0) {
  return detail::GgufConfig(files).build(window);
}

}}  // namespace bora::BORA_ABI
