#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/text/bytes.hpp>
#include <cstddef>
#include <string>
#include <vector>

TEST_CASE("A token is a byte", "[text]") {
  const bora::ByteTokenizer tokenizer;
  CHECK(tokenizer.vocab_size() == 256);
  CHECK(tokenizer.encode("A\xff") == std::vector<bora::TokenId>{65, 255});
  CHECK(tokenizer.encode("").empty());
}

TEST_CASE("Any bytes survive the round trip through byte tokens", "[text]") {
  const bora::ByteTokenizer tokenizer;
  bora::Random random(3);
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(random.below(256));
    CHECK(tokenizer.decode(tokenizer.encode(bytes)) == bytes);
  }
}

TEST_CASE("An id that is no byte is no text", "[text]") {
  const bora::ByteTokenizer tokenizer;
  for (const bora::TokenId id : {-1, 256, 1 << 30}) {
    CHECK(tokenizer.decode(std::vector<bora::TokenId>{65, id, 66}) == "AB");
    auto stream = tokenizer.stream();
    CHECK(stream.push(0xc3).empty());
    CHECK(stream.push(id).empty());
    CHECK(stream.push(0xbc) == "\u00fc");  // nothing changed between the two
  }
}

TEST_CASE("A stream of byte tokens shows whole characters", "[text]") {
  const std::string text = "na\u00efve \U0001f680";
  auto stream = bora::ByteTokenizer::stream();
  std::vector<std::string> shown;
  for (const bora::TokenId id : bora::ByteTokenizer::encode(text)) {
    std::string piece = stream.push(id);
    if (!piece.empty()) shown.push_back(piece);
  }
  CHECK(shown == std::vector<std::string>{"n", "a", "\u00ef", "v", "e", " ", "\U0001f680"});
  CHECK(stream.finish().empty());
}

TEST_CASE("A stream of byte tokens treats invalid bytes as it was told", "[text]") {
  const auto shown = [](bora::InvalidBytes invalid) {
    auto stream = bora::ByteTokenizer::stream(invalid);
    std::string text;
    for (const bora::TokenId id : {0x61, 0xe2, 0x82}) text += stream.push(id);
    return text + stream.finish();
  };
  CHECK(shown(bora::InvalidBytes::replace) == "a\ufffd");
  CHECK(shown(bora::InvalidBytes::keep) == "a\xe2\x82");
}
