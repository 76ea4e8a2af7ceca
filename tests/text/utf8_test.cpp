#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/text/utf8.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::string_literals;

std::string replaced(std::string_view bytes) {
  bora::Utf8Stream stream;
  std::string text = stream.push(bytes);
  return text + stream.finish();
}

std::string random_bytes(bora::Random& random, std::size_t size) {
  // Few values, so that leads and continuations of characters meet often.
  constexpr std::string_view values = "aZ\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xc3\xe0\xe2\xed\xef\xf0\xf3\xf4\xf5\xff";
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += values[random.below(values.size())];
  return bytes;
}

}  // namespace

TEST_CASE("A character comes out when its last byte has come in", "[text]") {
  bora::Utf8Stream stream;
  CHECK(stream.push("\xf0").empty());
  CHECK(stream.push("\x9f\x99").empty());
  CHECK(stream.waiting() == 3);
  CHECK(stream.push("\x82!") == "\xf0\x9f\x99\x82!");
  CHECK(stream.waiting() == 0);
  CHECK(stream.finish().empty());
}

TEST_CASE("No piece holds half a character, wherever the text is cut", "[text]") {
  const std::string text = "caf\u00e9 \u65e5\u672c\u8a9e \U0001f642\U0001f680 end";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    bora::Utf8Stream stream;
    const std::string first = stream.push(std::string_view(text).substr(0, cut));
    CHECK(replaced(first) == first);
    CHECK(first.size() + 3 >= cut);
    const std::string second = stream.push(std::string_view(text).substr(cut));
    CHECK(first + second == text);
    CHECK(stream.finish().empty());
  }
}

TEST_CASE("Every scalar value passes unchanged, and its beginnings wait", "[text]") {
  const auto encoded = [](unsigned long c) {
    std::string text;
    const auto add = [&](unsigned long byte) { text += static_cast<char>(byte); };
    if (c < 0x80) {
      add(c);
    } else if (c < 0x800) {
      add(0xc0 | (c >> 6)), add(0x80 | (c & 63));
    } else if (c < 0x10000) {
      add(0xe0 | (c >> 12)), add(0x80 | ((c >> 6) & 63)), add(0x80 | (c & 63));
    } else {
      add(0xf0 | (c >> 18)), add(0x80 | ((c >> 12) & 63)), add(0x80 | ((c >> 6) & 63)), add(0x80 | (c & 63));
    }
    return text;
  };
  std::size_t wrong = 0;
  for (unsigned long c = 0; c < 0x120000; ++c) {
    const std::string text = encoded(c);
    const bool scalar = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
    bora::Utf8Stream stream;
    std::string early, late;
    for (std::size_t i = 0; i + 1 < text.size(); ++i) early += stream.push({&text[i], 1});
    late = stream.push({&text.back(), 1});
    if (scalar ? !early.empty() || late != text : replaced(text) == text) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("Invalid bytes become one U+FFFD for each beginning of a character", "[text]") {
  const std::string mark = "\ufffd";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a\x80z", "a" + mark + "z"},                                   // a continuation without a lead
      {"\xc0\xaf", mark + mark},                                      // an overlong form: C0 begins nothing
      {"\xe0\x80\xaf", mark + mark + mark},                           // likewise E0 80
      {"\xed\xa0\x80", mark + mark + mark},                           // a surrogate
      {"\xf4\x90\x80\x80", mark + mark + mark + mark},                // above U+10FFFF
      {"\xe2\x82z", mark + "z"},                                      // broken off after two bytes of three
      {"\xf0\x9f\x99\xf0\x9f\x99\x82", mark + "\xf0\x9f\x99\x82"},    // broken off by another lead
      {"a\xf1\x80\x80\xe1\x80\xc2z", "a" + mark + mark + mark + "z"}  // Unicode 15, Table 3-11, shortened
  };
  for (const auto& [bytes, expected] : cases) CHECK(replaced(bytes) == expected);
}

TEST_CASE("What never was finished comes out at the end, and the stream is as new", "[text]") {
  bora::Utf8Stream stream;
  CHECK(stream.push("ok\xe6\x97") == "ok");
  CHECK(stream.finish() == "\ufffd");
  CHECK(stream.push("\xa5").size() == 3);  // not the rest of what was flushed
  CHECK(stream.finish().empty());
}

TEST_CASE("Kept invalid bytes lose nothing", "[text]") {
  bora::Random random(1);
  for (std::size_t round = 0; round < 200; ++round) {
    const std::string bytes = random_bytes(random, 40);
    bora::Utf8Stream stream(bora::InvalidBytes::keep);
    std::string text;
    for (const char& byte : bytes) text += stream.push({&byte, 1});
    text += stream.finish();
    CHECK(text == bytes);
  }
}

TEST_CASE("Where bytes are cut does not change the text", "[text]") {
  bora::Random random(2);
  for (std::size_t round = 0; round < 200; ++round) {
    const std::string bytes = random_bytes(random, 40);
    bora::Utf8Stream stream;
    std::string text;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = random.below(5);
      text += stream.push(std::string_view(bytes).substr(at, size));
      at += size;
    }
    text += stream.finish();
    CHECK(text == replaced(bytes));
    CHECK(replaced(text) == text);
  }
}

TEST_CASE("A zero byte is a character", "[text]") {
  const std::string text = "a\0b"s;
  CHECK(replaced(text) == text);
}
