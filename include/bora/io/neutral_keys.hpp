/// Keys that a config.json may hold beside those of its own family: other families' keys at neutral values, and keys
/// that do not affect the model.
#pragma once
#include <bora/core/abi.hpp>
#include <algorithm>
#include <span>
#include <string_view>

namespace bora { inline namespace BORA_ABI { namespace detail {

/// Switches that must be off. Names are those of transformers and of the families' own code.
inline constexpr std::string_view switches_off[]{
    "alibi", "use_alibi",       "qk_norm",          "use_qk_norm", "qk_layernorm",
    "qk_ln", "rope_interleave", "rope_interleaved", "use_mup",     "normalize_embedding",
};

/// Factors that must be 1.
inline constexpr std::string_view factors_of_one[]{
    "embedding_multiplier", "embedding_scale", "scale_emb",          "residual_multiplier",
    "logits_scaling",       "logit_scale",     "lm_head_multiplier", "rope_ratio",
};

/// Formulas that no policy implements; must be null.
inline constexpr std::string_view only_null[]{
    "attn_logit_softcapping", "final_logit_softcapping", "rope_local_base_freq", "no_rope_layers", "scale_depth",
    "dim_model_base",         "block_overrides",
};

/// Of rotary scaling, whatever its kind: YaRN's and Llama 3's tables compare the first.
inline constexpr std::string_view harmless_in_scaling[]{
    "original_max_position_embeddings",
    "finetuned",
};

/// Of MPT's attn_config: dropout, choices of kernels, and what counts only with the rotary positions that are refused.
/// `ffn_config` has `fc_type`, a kernel too.
inline constexpr std::string_view harmless_in_mpt[]{
    "attn_pdrop",       "attn_impl", "attn_uses_sequence_id", "rope_theta", "rope_impl",
    "rope_dail_config", "fused_qkv", "rope_hf_config",        "fc_type",
};

/// Keys that transformers writes into every configuration object, MPT's attn_config among them.
inline constexpr std::string_view keys_of_every_config[]{
    "_name_or_path",
    "_attn_implementation_autoset",
    "add_cross_attention",
    "architectures",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "id2label",
    "is_decoder",
    "is_encoder_decoder",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "model_type",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "prefix",
    "problem_type",
    "pruned_heads",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "typical_p",
    "use_bfloat16",
};

/// Whether an unlisted key is allowed in an object because it does not affect the model.
inline bool is_harmless(std::string_view within, std::string_view key) {
  const auto in = [&](std::span<const std::string_view> keys) { return std::ranges::find(keys, key) != keys.end(); };
  if (within == "rope_scaling") return in(harmless_in_scaling);
  if (within == "attn_config") return in(harmless_in_mpt) || in(keys_of_every_config);
  return within == "ffn_config" && in(harmless_in_mpt);
}

}}}  // namespace bora::BORA_ABI::detail
