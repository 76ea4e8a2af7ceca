#include "layers/alone.hpp"

using support::check_feed_forward;

TEST_CASE("The backward of a gated feed-forward is its forward's gradient", "[layers]") {
  check_feed_forward<bora::SwiGlu<21>, 18>("SwiGlu", 2, 9);
  check_feed_forward<bora::SwiGlu<21, bora::Bias>, 18>("SwiGlu, Bias", 2, 9);
  check_feed_forward<bora::GeGlu<35>, 17>("GeGlu", 2, 9);
  check_feed_forward<bora::GeGluTanh<35>, 17>("GeGluTanh", 2, 9);
  check_feed_forward<bora::GeGlu<35, bora::Bias>, 17>("GeGlu, Bias", 2, 9);
}

TEST_CASE("The backward of a plain feed-forward is its forward's gradient", "[layers]") {
  check_feed_forward<bora::Mlp<21, bora::Relu>, 18>("Relu", 2, 9);
  check_feed_forward<bora::Mlp<21, bora::Relu, bora::Bias>, 18>("Relu, Bias", 2, 9);
  check_feed_forward<bora::Mlp<21, bora::Gelu>, 18>("Gelu", 2, 9);
  check_feed_forward<bora::Mlp<21, bora::Gelu, bora::Bias>, 18>("Gelu, Bias", 2, 9);
  check_feed_forward<bora::Mlp<21, bora::GeluTanh>, 18>("GeluTanh", 2, 9);
  check_feed_forward<bora::Mlp<21, bora::GeluTanh, bora::Bias>, 18>("GeluTanh, Bias", 2, 9);
  check_feed_forward<bora::Mlp<32, bora::Silu>, 16>("Silu", 2, 9);
  check_feed_forward<bora::Mlp<32, bora::Silu, bora::Bias>, 16>("Silu, Bias", 2, 9);
}
