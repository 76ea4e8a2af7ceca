#include "support/catch.hpp"
#include "support/checks.hpp"
#include "support/reference.hpp"
#include <bora/core/random.hpp>
#include <bora/text/llama2c_tokenizer.hpp>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using Ids = std::vector<bora::TokenId>;
using Pieces = std::vector<std::pair<std::string, float>>;

/// A file that is gone with its test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes) {
    // CTest may run each case as a process of its own, side by side: a counter would not do.
    std::random_device random;
    const std::string unique = std::to_string(random()) + "-" + std::to_string(random());
    path_ = std::filesystem::temp_directory_path() / ("bora-tokenizer-" + unique + ".bin");
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string word(std::uint32_t value) {
  std::string bytes;
  for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>((value >> shift) & 0xff);
  return bytes;
}

std::string entry(std::string_view piece, float score) {
  return word(std::bit_cast<std::uint32_t>(score)) + word(static_cast<std::uint32_t>(piece.size())) +
         std::string(piece);
}

/// The three special tokens and the bytes, then `pieces`.
Pieces vocabulary(const Pieces& pieces) {
  Pieces all = {{"<unk>", 0.f}, {"\n<s>\n", 0.f}, {"\n</s>\n", 0.f}};
  for (unsigned byte = 0; byte < 256; ++byte) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    all.push_back({std::string("<0x") + digits[byte / 16] + digits[byte % 16] + ">", 0.f});
  }
  all.insert(all.end(), pieces.begin(), pieces.end());
  return all;
}

std::string file_of(const Pieces& pieces, std::uint32_t longest = 8) {
  std::string bytes = word(longest);
  for (const auto& [piece, score] : pieces) bytes += entry(piece, score);
  return bytes;
}

bora::Llama2cTokenizer tokenizer_of(const Pieces& pieces) {
  const TemporaryFile file(file_of(vocabulary(pieces)));
  return bora::Llama2cTokenizer(file.path());
}

const Pieces abc = {{" ", -9.f},  {"a", -9.f},  {"b", -9.f},   {"c", -9.f},
                    {"ab", -1.f}, {"bc", -2.f}, {"abc", -3.f}, {"\u65e5", -9.f}};
constexpr bora::TokenId space = 259, a = 260, b = 261, c = 262, ab = 263, bc = 264, abc_id = 265, sun = 266;

/// What the file is refused with, without the path in front.
std::string refusal(const std::string& bytes, std::size_t vocab_size = 0) {
  const TemporaryFile file(bytes);
  try {
    bora::Llama2cTokenizer{file.path(), vocab_size};
  } catch (const bora::FileError& error) {
    const std::string path = file.path().string() + ": ", text = error.what();
    return text.starts_with(path) ? text.substr(path.size()) : "no path in: " + text;
  }
  return "accepted";
}

/// The rule as the reference states it, in quadratic time.
Ids merged_one_by_one(const Pieces& all, const std::string& text) {
  const auto find = [&](const std::string& piece) {
    for (std::size_t id = 259; id < all.size(); ++id)
      if (all[id].first == piece) return static_cast<bora::TokenId>(id);
    return bora::TokenId{-1};
  };
  Ids ids;
  for (const char byte : " " + text) {
    const bora::TokenId id = find(std::string(1, byte));
    ids.push_back(id >= 0 ? id : static_cast<unsigned char>(byte) + 3);
  }
  for (;;) {
    std::size_t best = ids.size();
    bora::TokenId joined = -1;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto left = static_cast<std::size_t>(ids[i]), right = static_cast<std::size_t>(ids[i + 1]);
      const bora::TokenId id = find(all[left].first + all[right].first);
      if (id < 0 ||
          (joined >= 0 && all[static_cast<std::size_t>(id)].second <= all[static_cast<std::size_t>(joined)].second))
        continue;
      best = i;
      joined = id;
    }
    if (joined < 0) return ids;
    ids[best] = joined;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

}  // namespace

TEST_CASE("The published tokenizer gives the published ids", "[text]") {
  const auto reference = support::reference_folder();
  if (!reference) return support::skip_without_reference("tokenizer_cases.jsonl of stories260k");
  const bora::Llama2cTokenizer tokenizer(*reference / "stories260k" / "tok512.bin", 512);
  CHECK(tokenizer.vocab_size() == 512);
  std::ifstream cases(*reference / "stories260k" / "tokenizer_cases.jsonl");
  std::size_t count = 0;
  for (std::string line; std::getline(cases, line); ++count) {
    const auto one = nlohmann::json::parse(line);
    const auto text = one.at("text").get<std::string>();
    const auto ids = one.at("ids").get<Ids>();
    CHECK(tokenizer.encode(text) == ids);
    CHECK(tokenizer.decode(ids) == text);
  }
  CHECK(count == 20);
}

TEST_CASE("A published text streams as it decodes", "[text]") {
  const auto reference = support::reference_folder();
  if (!reference) return support::skip_without_reference("greedy.txt of stories260k");
  const bora::Llama2cTokenizer tokenizer(*reference / "stories260k" / "tok512.bin");
  std::ifstream file(*reference / "stories260k" / "greedy.txt", std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  REQUIRE(text.size() > 500);
  auto stream = tokenizer.stream();
  std::string shown;
  for (const bora::TokenId id : tokenizer.encode(text)) shown += stream.push(id);
  shown += stream.finish();
  CHECK(shown == text);
}

TEST_CASE("The pair that scores highest is merged first", "[text]") {
  const auto tokenizer = tokenizer_of(abc);
  CHECK(tokenizer.encode("abc") == Ids{1, space, abc_id});
  CHECK(tokenizer.encode("bcab") == Ids{1, space, bc, ab});
  // bc + b is no piece; ab before bc leaves a c, which joins ab.
  CHECK(tokenizer.encode("bcabc") == Ids{1, space, bc, abc_id});
  CHECK(tokenizer.encode("cba") == Ids{1, space, c, b, a});
}

TEST_CASE("Among equal scores the leftmost pair is merged first", "[text]") {
  const auto tokenizer = tokenizer_of({{" ", 0.f}, {"a", 0.f}, {"b", 0.f}, {"aa", 1.f}, {"ab", 1.f}});
  CHECK(tokenizer.encode("aaa") == Ids{1, 259, 262, 260});
  CHECK(tokenizer.encode("aab") == Ids{1, 259, 262, 261});
}

TEST_CASE("Special tokens are put where they are asked for", "[text]") {
  const auto tokenizer = tokenizer_of(abc);
  CHECK(tokenizer.encode("a", {.bos = false}) == Ids{space, a});
  CHECK(tokenizer.encode("a", {.bos = true, .eos = true}) == Ids{1, space, a, 2});
  CHECK(tokenizer.encode("") == Ids{1});
  CHECK(tokenizer.encode("", {.bos = false}).empty());
}

TEST_CASE("A character without a piece becomes its bytes", "[text]") {
  const auto tokenizer = tokenizer_of(abc);
  CHECK(tokenizer.encode("\u65e5\u672c") == Ids{1, space, sun, 0xe6 + 3, 0x9c + 3, 0xac + 3});
  CHECK(tokenizer.encode(std::string("\0", 1)) == Ids{1, space, 3});
  CHECK(tokenizer.encode("\xe6\x97") == Ids{1, space, 0xe6 + 3, 0x97 + 3});  // half of a known character
}

TEST_CASE("Special tokens and bytes spelled out in a text are plain text", "[text]") {
  // Every step towards "<s>" and "<0x41>" is a piece, the last excepted: those are the mark and the byte.
  const auto tokenizer = tokenizer_of({{" ", 0.f},
                                       {"\n", 0.f},
                                       {"<", 0.f},
                                       {"s", 0.f},
                                       {">", 0.f},
                                       {"0", 0.f},
                                       {"x", 0.f},
                                       {"4", 0.f},
                                       {"1", 0.f},
                                       {"\n<", 1.f},
                                       {"\n<s", 1.f},
                                       {"\n<s>", 1.f},
                                       {"<0", 1.f},
                                       {"<0x", 1.f},
                                       {"<0x4", 1.f},
                                       {"<0x41", 1.f}});
  CHECK(tokenizer.encode("\n<s>\n") == Ids{1, 259, 270, 260});
  CHECK(tokenizer.encode("<0x41>") == Ids{1, 259, 274, 263});
  for (const std::string text : {"\n<s>\n", "<0x41>"}) CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
}

TEST_CASE("The heap merges what merging one by one does", "[text]") {
  bora::Random random(4);
  for (std::size_t round = 0; round < 40; ++round) {
    Pieces pieces = {{" ", 0.f}, {"a", 0.f}, {"b", 0.f}};
    for (std::size_t i = 0; i < 25; ++i) {
      std::string piece;
      for (std::size_t j = 0, size = 2 + random.below(4); j < size; ++j) piece += " ab"[random.below(3)];
      bool known = false;
      for (const auto& other : pieces) known = known || other.first == piece;
      if (!known) pieces.push_back({piece, static_cast<float>(random.below(4))});  // few scores: many ties
    }
    const auto tokenizer = tokenizer_of(pieces);
    const Pieces all = vocabulary(pieces);
    for (std::size_t size = 1; size < 60; size += 7) {
      std::string text;
      for (std::size_t i = 0; i < size; ++i) text += "  aaabbbc"[random.below(9)];
      const Ids ids = tokenizer.encode(text, {.bos = false});
      CHECK(ids == merged_one_by_one(all, text));
      auto stream = tokenizer.encode_stream({.bos = false});
      Ids parts = stream.push(text.substr(0, size / 3));
      for (const bora::TokenId id : stream.push(text.substr(size / 3))) parts.push_back(id);
      for (const bora::TokenId id : stream.finish()) parts.push_back(id);
      CHECK(parts == ids);
    }
  }
}

TEST_CASE("A text of a million characters is merged while one waits", "[text]") {
  const auto tokenizer = tokenizer_of({{" ", 0.f}, {"a", 0.f}, {"aa", 1.f}, {"aaaa", 2.f}, {"aaaaaaaa", 3.f}});
  const Ids ids = tokenizer.encode(std::string(1'000'000, 'a'));
  CHECK(ids.size() == 2 + 125'000);
}

TEST_CASE("A vocabulary of nothing but beginnings is read in time that its size allows", "[text]") {
  Pieces pieces = {{" ", 0.f}};
  for (std::size_t n = 1; n < 600; ++n) pieces.push_back({std::string(n, 'a'), static_cast<float>(n)});
  const TemporaryFile file(file_of(vocabulary(pieces), 600));
  const bora::Llama2cTokenizer tokenizer(file.path());
  CHECK(tokenizer.encode(std::string(599, 'a'), {.bos = false}) == Ids{259, 259 + 599});
}

TEST_CASE("Any bytes survive the round trip through pieces", "[text]") {
  const auto tokenizer = tokenizer_of(abc);
  const auto without_space = tokenizer_of({{"a", 0.f}});
  bora::Random random(5);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i)
      text += random.below(2) == 0 ? static_cast<char>(random.below(256)) : " abc"[random.below(4)];
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
    CHECK(tokenizer.decode(tokenizer.encode(text, {.bos = true, .eos = true})) == text);
    CHECK(without_space.decode(without_space.encode(text)) == text);
  }
}

TEST_CASE("Only the space right after BOS is dropped", "[text]") {
  const auto tokenizer = tokenizer_of(abc);
  CHECK(tokenizer.decode(Ids{1, space, a, space, b}) == "a b");
  CHECK(tokenizer.decode(Ids{1, space, space, a}) == " a");
  CHECK(tokenizer.decode(Ids{space, a}) == " a");
  CHECK(tokenizer.decode(Ids{1, a, 2, 1, space, b}) == "ab");
  CHECK(tokenizer.decode(Ids{}).empty());
}

TEST_CASE("An id that the file does not have is no text", "[text]") {
  const auto tokenizer = tokenizer_of(abc);
  auto stream = tokenizer.stream();
  const auto end = static_cast<bora::TokenId>(tokenizer.vocab_size());
  using Limits = std::numeric_limits<bora::TokenId>;
  for (const bora::TokenId id : {bora::TokenId{-1}, end, Limits::min(), Limits::max()}) {
    CHECK(tokenizer.decode(Ids{a, id, b}) == "ab");
    CHECK(stream.push(id).empty());
  }
  CHECK(stream.push(sun) == "\u65e5");
}

TEST_CASE("A stream of pieces shows whole characters", "[text]") {
  const auto tokenizer = tokenizer_of(abc);
  auto stream = tokenizer.stream();
  std::vector<std::string> shown;
  for (const bora::TokenId id : tokenizer.encode("a\u672cab")) shown.push_back(stream.push(id));
  CHECK(shown == std::vector<std::string>{"", "", "a", "", "", "\u672c", "ab"});
  CHECK(stream.push(0xe6 + 3).empty());
  CHECK(stream.finish() == "\ufffd");
  CHECK(stream.push(space) == " ");  // as new: no BOS before
}

TEST_CASE("A copy of a tokenizer outlives the original", "[text]") {
  auto original = std::make_unique<bora::Llama2cTokenizer>(tokenizer_of(abc));
  const bora::Llama2cTokenizer copy = *original;
  original.reset();
  CHECK(copy.encode("abc") == Ids{1, space, abc_id});
}

TEST_CASE("A tokenizer file that is cut anywhere is refused", "[text]") {
  const Pieces pieces = vocabulary(abc);
  const std::string bytes = file_of(pieces);
  CHECK(refusal(bytes, pieces.size()) == "accepted");
  for (std::size_t size = 0; size < bytes.size(); size += size < 4000 ? 7 : 1)
    CHECK(refusal(bytes.substr(0, size), pieces.size()) != "accepted");
  CHECK(refusal("") == "is empty");
  CHECK(refusal(word(8).substr(0, 3)) == "ends inside the header: 3 bytes are left, expected 4 or more");
  CHECK(refusal(bytes.substr(0, bytes.size() - 1)) == "ends inside piece 266: 2 bytes are left, expected 3 or more");
  CHECK(refusal(word(8)) == "holds 0 pieces, expected at least 259: 3 special tokens and 256 bytes");
}

TEST_CASE("A tokenizer file holds as many pieces as the model", "[text]") {
  const std::string bytes = file_of(vocabulary(abc));
  CHECK(refusal(bytes, 267) == "accepted");
  CHECK(refusal(bytes, 268) == "ends after 267 pieces, expected vocab_size 268");
  CHECK(refusal(bytes, 266) == "holds 11 bytes after its last piece, expected none: vocab_size is 266");
  CHECK(refusal(bytes + "x", 267) == "holds 1 bytes after its last piece, expected none: vocab_size is 267");
  CHECK(refusal(bytes + "x") == "ends inside piece 267: 1 bytes are left, expected 4 or more");
}

TEST_CASE("A tokenizer file with an impossible length is refused", "[text]") {
  const std::string bytes = file_of(vocabulary({}));
  const std::string expected = ", expected 1 to 8, the longest that the file announces";
  CHECK(refusal(bytes + word(0) + word(0)) == "piece 259 has length 0" + expected);
  CHECK(refusal(bytes + word(0) + word(9)) == "piece 259 has length 9" + expected);
  CHECK(refusal(bytes + word(0) + word(0xffffffff)) == "piece 259 has length -1" + expected);
  CHECK(refusal(bytes + word(0) + word(0x7fffffff)) == "piece 259 has length 2147483647" + expected);
  for (const std::uint32_t longest : {0u, 0x80000000u})
    CHECK(
        refusal(file_of(vocabulary({}), longest)).ends_with("as the length of its longest piece, expected 1 or more"));
  // A huge length that the header allows must not be allocated before the file is seen to end.
  CHECK(refusal(file_of(vocabulary({}), 0x7fffffff) + word(0) + word(0x7fffffff)) ==
        "ends inside piece 259: 0 bytes are left, expected 2147483647 or more");
}

TEST_CASE("A tokenizer file with a score that is no number is refused", "[text]") {
  using Limits = std::numeric_limits<float>;
  CHECK(refusal(file_of(vocabulary({{"a", Limits::infinity()}}))) ==
        "piece 259 has score inf, expected a finite number");
  CHECK(refusal(file_of(vocabulary({{"a", Limits::quiet_NaN()}}))) ==
        "piece 259 has score NaN, expected a finite number");
}

TEST_CASE("A tokenizer file without the byte pieces is refused", "[text]") {
  Pieces pieces = vocabulary(abc);
  pieces[3 + 0x0a].first = "newline\n";
  CHECK(refusal(file_of(pieces)) == "piece 13 is 'newline<0x0A>', expected the byte <0x0A>");
  pieces.resize(13);
  CHECK(refusal(file_of(pieces)) == "holds 13 pieces, expected at least 259: 3 special tokens and 256 bytes");
}

TEST_CASE("A tokenizer file that holds a piece twice is refused", "[text]") {
  CHECK(refusal(file_of(vocabulary({{"a", 0.f}, {"a", 1.f}}))) ==
        "piece 260 is 'a', expected a new one: it is piece 259 already");
  CHECK(refusal(file_of(vocabulary({{"<0x41>", 0.f}}))) ==
        "piece 259 is '<0x41>', expected a new one: it is piece 68 already");
}

TEST_CASE("A tokenizer file that cannot be read is refused by name", "[text]") {
  const auto folder = std::filesystem::temp_directory_path();
  const auto missing = folder / "bora-no-such-tokenizer.bin";
  const auto says = [](const std::filesystem::path& path) {
    return support::refusal<bora::FileError>([&] { bora::Llama2cTokenizer{path}; });
  };
  CHECK(says(missing) == missing.string() + ": does not exist");
  CHECK(says(folder) == folder.string() + ": is a folder, expected a file");
}
