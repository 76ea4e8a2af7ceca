// A part of the way, where only is asked how the library is found: its headers, Highway and JSON.
#include <bora/io/json.hpp>
#include <bora/simd/target.hpp>
#include <cstddef>
#include <cstdio>

std::size_t other_logits();

int main() {
  const bora::Json json = bora::parse_json("{\"logits\": 64}", "text");
  const bool same = other_logits() == json.at("logits").get<std::size_t>() && !bora::simd::target_name().empty();
  std::puts(same ? "the whole way" : "another number of logits");
}
