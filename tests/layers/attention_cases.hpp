/// Attention under every kind of heads and mask, with options spread over them: of (heads, mask, position, option)
/// every triple of the first three and every pair is met.
#pragma once
#include "layers/alone.hpp"
#include <cstddef>
#include <string>
#include <tuple>

namespace support {

// Nine heads on one do not fit into a tile of eight query rows.
inline constexpr bora::HeadShape head_shapes[] = {{.heads = 3, .kv_heads = 3, .head_dim = 6},
                                                  {.heads = 6, .kv_heads = 2, .head_dim = 6},
                                                  {.heads = 9, .kv_heads = 1, .head_dim = 4}};
inline constexpr const char* head_names[] = {"multi-head", "grouped", "multi-query"};
using Masks = std::tuple<bora::Causal, bora::SlidingWindow<11>>;
inline constexpr const char* mask_names[] = {", causal, ", ", window 11, "};

template <bora::HeadShape shape, class Mask, class Position, std::size_t option>
struct AttentionOf {
  using type = bora::GroupedQueryAttention<shape, Mask, Position>;
};
template <bora::HeadShape shape, class Mask, class Position>
struct AttentionOf<shape, Mask, Position, 1> {
  using type = bora::GroupedQueryAttention<shape, Mask, Position, bora::Bias>;
};
template <bora::HeadShape shape, class Mask, class Position>
struct AttentionOf<shape, Mask, Position, 2> {
  using type = bora::GroupedQueryAttention<shape, Mask, Position, bora::ClipQkv<0.8>>;
};
template <bora::HeadShape shape, class Mask, class Position>
struct AttentionOf<shape, Mask, Position, 3> {
  using type = bora::GroupedQueryAttention<shape, Mask, Position, bora::Bias, bora::ClipQkv<0.8>>;
};
inline constexpr const char* option_names[] = {"", ", Bias", ", ClipQkv", ", Bias and ClipQkv"};

/// `index` of the position moves the options along. 37 tokens: three windows, and two runs of 16 and a piece.
template <class Position, std::size_t index, std::size_t heads, std::size_t mask>
void check_attention_case(const std::string& name) {
  constexpr std::size_t option = (heads + 2 * mask + index) % 4;
  using Attention = typename AttentionOf<head_shapes[heads], std::tuple_element_t<mask, Masks>, Position, option>::type;
  check_attention<Attention, 18>(head_names[heads] + std::string(mask_names[mask]) + name + option_names[option], 2,
                                 37);
}
template <class Position, std::size_t index>
void check_position(const std::string& name) {
  check_attention_case<Position, index, 0, 0>(name);
  check_attention_case<Position, index, 0, 1>(name);
  check_attention_case<Position, index, 1, 0>(name);
  check_attention_case<Position, index, 1, 1>(name);
  check_attention_case<Position, index, 2, 0>(name);
  check_attention_case<Position, index, 2, 1>(name);
}

}  // namespace support
