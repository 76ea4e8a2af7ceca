#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/io/safetensors_writer.hpp>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using bora::detail::message;  // not operator+: g++ 12 sees overlaps in it that are not there
using support::TemporaryFolder;

/// A file of this header and these bytes behind it.
std::string file_of(std::string_view header, std::string_view data = "") {
  return support::as_bytes(std::uint64_t{header.size()}) + std::string(header) + std::string(data);
}

std::string list(std::size_t extent) { return message("[", extent, "]"); }

/// A file of one tensor "x".
std::string one(std::string_view dtype, std::string_view shape, std::string_view data) {
  return file_of(
      message(R"({"x":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":[0,)", data.size(), "]}}"), data);
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  std::string bytes;
  for (const T value : values) bytes += support::as_bytes(value);
  return bytes;
}

/// ",1,1,1": that many more extents of 1.
std::string axes(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += ",1";
  return text;
}

std::string zeros(std::size_t count) { return std::string(count, '\0'); }

/// A file on disk that is open.
struct Opened {
  explicit Opened(std::string_view bytes) : tensors(folder.file("x.safetensors", bytes)) {}
  TemporaryFolder folder;
  bora::SafeTensors tensors;
};

/// What a file is refused with when it is opened.
std::string refusal(const std::string& bytes) {
  const TemporaryFolder folder;
  const auto path = folder.file("x.safetensors", bytes);
  return support::refusal(path, [&] { bora::SafeTensors{path}; });
}

/// What an action on an open file is refused with.
std::string refusal(const bora::SafeTensors& file, auto action) {
  return support::refusal(file.path(), [&] { action(file); });
}

/// What reading "x" of a file of this one tensor is refused with.
std::string refused_read(std::string_view dtype, std::string_view data, std::size_t count) {
  const Opened file(one(dtype, list(count), data));
  std::vector<float> out(count);
  return refusal(file.tensors, [&](const auto& f) { f.read("x", out); });
}

std::vector<float> sequence(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i) * 0.75f - 3;
  return values;
}

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN(),
                infinite = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("Every rule of safetensors refuses its file with a sentence of its own", "[io]") {
  struct Case {
    std::string name, bytes, expected;
  };
  const std::string x4 = R"("x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  const auto tensor = [](std::string_view name, std::string_view range, std::string_view shape = "[1]") {
    return message("\"", name, R"(":{"dtype":"F32","shape":)", shape, R"(,"data_offsets":)", range, "}");
  };
  const Case cases[] = {
      {"seven bytes", zeros(7), "is 7 bytes long, expected 8 for the header's size"},
      {"header size 0", support::as_bytes(std::uint64_t{0}), "has an empty header, expected '{'"},
      {"header beyond the file", support::as_bytes(std::uint64_t{100}) + "{}",
       "gives 100 as the size of its header, but only 2 bytes follow"},
      {"header beyond the limit", support::as_bytes(std::uint64_t{100'000'001}) + "{}",
       "gives 100000001 as the size of its header, expected at most 100000000"},
      {"header size that would wrap", support::as_bytes(~std::uint64_t{0} - 3) + "{}",
       "gives 18446744073709551612 as the size of its header"},
      {"another format", file_of("[]"), "has a header that starts with another byte, expected '{'"},
      {"space before the header", file_of(" {}"), "starts with another byte"},
      {"header that ends early", file_of("{\"x\":"), "is not valid JSON: line 1, column 6"},
      {"two values in the header", file_of("{}{}"), "is not valid JSON: line 1, column 3"},
      {"zeros behind the header", file_of(message("{}", zeros(6))), "is not valid JSON: line 1, column 3: a zero byte"},
      {"no UTF-8", file_of("{\"\xff\":1}"), "ill-formed UTF-8"},
      {"deep nesting", file_of(message("{\"x\":", std::string(100'000, '['))), "nested deeper than 64"},
      {"duplicate name", file_of(message("{", x4, ",", x4, "}"), zeros(4)), "key 'x' occurs twice"},
      {"duplicate key in an entry",
       file_of(R"({"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", zeros(4)),
       "key 'dtype' occurs twice"},
      {"metadata that is no object", file_of(R"({"__metadata__":"pt"})"),
       "__metadata__ is the string 'pt', expected an object of strings"},
      {"metadata that is no string", file_of(R"({"__metadata__":{"step":3}})"),
       "__metadata__ key 'step' is 3, expected a string"},
      {"entry that is no object", file_of(R"({"x":[0,4]})"), "tensor 'x' is an array in the header"},
      {"no dtype", file_of(R"({"x":{"shape":[1],"data_offsets":[0,4]}})", zeros(4)),
       "tensor 'x' has no dtype in the header"},
      {"no shape", file_of(R"({"x":{"dtype":"F32","data_offsets":[0,4]}})", zeros(4)),
       "tensor 'x' has no shape in the header"},
      {"no offsets", file_of(R"({"x":{"dtype":"F32","shape":[1]}})", zeros(4)),
       "tensor 'x' has no data_offsets in the header"},
      {"dtype that is no string", file_of(R"({"x":{"dtype":32,"shape":[1],"data_offsets":[0,4]}})", zeros(4)),
       "tensor 'x' has 32 as dtype, expected a string"},
      {"unknown dtype", one("F4", "[1]", zeros(4)), "tensor 'x' has dtype 'F4', which is not known"},
      {"dtype in small letters", one("f32", "[1]", zeros(4)), "has dtype 'f32', which is not known"},
      {"shape that is no array", one("F32", "4", zeros(4)), "tensor 'x' has 4 as shape, expected an array"},
      {"negative extent", one("F32", "[-1]", zeros(4)), "tensor 'x' has -1 in its shape, expected whole numbers"},
      {"fractional extent", one("F32", "[1.0]", zeros(4)), "has the number 1.0 in its shape"},
      {"extent beyond 64 bits", one("F32", "[36893488147419103232]", zeros(4)),
       "has the number 3.6893488147419103e+19 in its shape"},
      {"text as extent", one("F32", "[\"1\"]", zeros(4)), "has the string '1' in its shape"},
      {"more axes than anyone has", one("F32", message("[1", axes(64), "]"), zeros(4)),
       "tensor 'x' has 65 numbers as shape, expected at most 64"},
      {"a hundred thousand offsets",
       file_of(message("{", tensor("x", message("[0", axes(100'000), "]")), "}"), zeros(4)),
       "tensor 'x' has 100001 numbers as data_offsets, expected at most 64"},
      {"elements that overflow", one("F32", "[4294967296,4294967296,4]", ""),
       "tensor 'x' has shape [4294967296, 4294967296, 4]: a size in the file does not fit"},
      {"bytes that overflow", one("F32", "[4611686018427387905]", zeros(4)),
       "tensor 'x' has shape [4611686018427387905]: a size in the file does not fit"},
      {"offsets that are no array", file_of(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":4}})", zeros(4)),
       "tensor 'x' has 4 as data_offsets, expected an array"},
      {"three offsets", file_of(message("{", tensor("x", "[0,4,8]"), "}"), zeros(8)),
       "tensor 'x' has 3 numbers as data_offsets, expected 2"},
      {"negative offset", file_of(message("{", tensor("x", "[-4,0]"), "}"), zeros(4)),
       "tensor 'x' has -4 in its data_offsets"},
      {"end before begin", file_of(message("{", tensor("x", "[8,4]"), "}"), zeros(8)),
       "tensor 'x' begins at byte 8 and ends at 4"},
      {"fewer bytes than the shape", one("F32", "[2]", zeros(4)), "tensor 'x' has 4 bytes, but F32 [2] takes 8"},
      {"more bytes than the shape", one("BF16", "[3]", zeros(8)), "tensor 'x' has 8 bytes, but BF16 [3] takes 6"},
      {"bytes for an empty shape", one("F32", "[0]", zeros(4)), "tensor 'x' has 4 bytes, but F32 [0] takes 0"},
      {"no bytes for a single number", one("F32", "[]", ""), "tensor 'x' has 0 bytes, but F32 [] takes 4"},
      {"data cut short", file_of(message("{", tensor("x", "[0,16]", "[4]"), "}"), zeros(15)),
       "tensor 'x' ends at byte 16, but only 15 bytes follow the header: the file is cut short"},
      {"range near the end of memory",
       file_of(message("{", tensor("x", "[18446744073709551608,18446744073709551612]"), "}"), zeros(4)),
       "tensor 'x' ends at byte 18446744073709551612, but only 4 bytes follow"},
      {"bytes behind the last tensor", file_of(message("{", x4, "}"), zeros(5)),
       "holds 1 bytes after its last tensor, expected none"},
      {"bytes and no tensor", file_of("{}", zeros(3)), "holds 3 bytes after its last tensor"},
      {"hole in front", file_of(message("{", tensor("x", "[4,8]"), "}"), zeros(8)),
       "tensor 'x' begins at byte 4, but the tensors before it end at 0: expected no hole"},
      {"hole between", file_of(message("{", tensor("b", "[8,12]"), ",", tensor("a", "[0,4]"), "}"), zeros(12)),
       "tensor 'b' begins at byte 8, but the tensors before it end at 4"},
      {"overlap", file_of(message("{", tensor("a", "[0,8]", "[2]"), ",", tensor("b", "[4,8]"), "}"), zeros(8)),
       "tensor 'b' begins at byte 4, inside the tensor before it, which ends at 8"},
      {"the same range twice", file_of(message("{", tensor("a", "[0,4]"), ",", tensor("b", "[0,4]"), "}"), zeros(4)),
       "tensor 'b' begins at byte 0, inside the tensor before it"},
      {"an empty tensor inside another",
       file_of(message("{", tensor("a", "[0,4]"), ",", tensor("b", "[2,2]", "[0]"), "}"), zeros(4)),
       "tensor 'b' begins at byte 2, inside the tensor before it"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(support::lacks(refusal(c.bytes), c.expected) == "");
  }
}

TEST_CASE("What safetensors allows is accepted", "[io]") {
  CHECK(refusal(file_of("{}")) == "accepted");
  CHECK(refusal(file_of("{\"__metadata__\":{}}      ")) == "accepted");
  CHECK(refusal(one("F32", "[]", zeros(4))) == "accepted");
  CHECK(refusal(one("F32", message("[1", axes(63), "]"), zeros(4))) == "accepted");
  CHECK(refusal(one("F32", "[0,9223372036854775807,9223372036854775807]", "")) == "accepted");
  CHECK(refusal(file_of(R"({"b":{"dtype":"I64","shape":[1],"data_offsets":[2,10]},)"
                        R"("a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]},)"
                        R"("e":{"dtype":"U8","shape":[0,3],"data_offsets":[2,2]}})",
                        zeros(10))) == "accepted");
}

TEST_CASE("A safetensors file tells what it holds", "[io]") {
  const Opened file(file_of(R"({"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
                            R"("__metadata__":{"format":"pt"},)"
                            R"("a":{"dtype":"F16","shape":[],"data_offsets":[8,10]}})",
                            zeros(10)));
  const bora::SafeTensors& f = file.tensors;
  CHECK(f.names() == std::vector<std::string>{"a", "b"});
  CHECK(f.contains("b"));
  CHECK_FALSE(f.contains("__metadata__"));
  CHECK(f.metadata().at("format") == "pt");
  CHECK(f.entry("b").dtype == "F32");
  CHECK(f.entry("b").shape == std::vector<std::size_t>{2, 1});
  CHECK(f.entry("a").begin == 8);
  CHECK(f.entry("a").end == 10);
  CHECK(f.entry("a").elements() == 1);
  CHECK(refusal(f, [](const auto& g) { g.entry("c"); }) == "has no tensor 'c'");
}

TEST_CASE("A file that is missing, a folder or empty is refused", "[io]") {
  const TemporaryFolder folder;
  const auto refused = [](const std::filesystem::path& path) {
    return support::refusal(path, [&] { bora::SafeTensors{path}; });
  };
  CHECK(refused(folder / "none") == "does not exist");
  CHECK(refused(folder.path()) == "is a folder, expected a file");
  CHECK(refused(folder.file("empty", "")) == "is empty");
}

TEST_CASE("All finite floats of each type are read exactly", "[io]") {
  SECTION("F32, wherever the header ends") {
    const std::vector<float> values = {0.f,
                                       -0.f,
                                       1.f / 3,
                                       std::numeric_limits<float>::denorm_min(),
                                       -std::numeric_limits<float>::max(),
                                       std::numeric_limits<float>::min()};
    for (std::size_t spaces = 0; spaces < 8; ++spaces) {
      const Opened file(
          file_of(message(R"({"x":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}})", std::string(spaces, ' ')),
                  bytes_of(values)));
      CHECK(bytes_of(file.tensors.read("x")) == bytes_of(values));
    }
  }
  SECTION("F16 and BF16") {
    std::vector<std::uint16_t> halves, brains;
    std::vector<float> half_values, brain_values;
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
      const auto word = static_cast<std::uint16_t>(bits);
      if ((bits & 0x7c00u) != 0x7c00u) {
        halves.push_back(word);
        half_values.push_back(bora::half_to_float(word));
      }
      if ((bits & 0x7f80u) != 0x7f80u) {
        brains.push_back(word);
        brain_values.push_back(bora::to_float(bora::bfloat16{word}));
      }
    }
    const auto read = [](std::string_view dtype, const std::vector<std::uint16_t>& words) {
      return Opened(one(dtype, list(words.size()), bytes_of(words))).tensors.read("x");
    };
    CHECK(bytes_of(read("F16", halves)) == bytes_of(half_values));
    CHECK(bytes_of(read("BF16", brains)) == bytes_of(brain_values));
  }
  SECTION("F64 is rounded") {
    const Opened file(one("F64", "[3]", bytes_of<double>({1.0 / 3, -1e-320, 3.4e38})));
    CHECK(file.tensors.read("x") == std::vector<float>{1.f / 3, -0.f, 3.4e38f});
  }
}

TEST_CASE("A weight that is not finite is refused with its place", "[io]") {
  CHECK(refused_read("F32", bytes_of<float>({1, 2, not_a_number}), 3) ==
        "tensor 'x': element 2 is NaN, expected finite numbers only");
  CHECK(refused_read("F32", bytes_of<float>({1, -infinite, not_a_number}), 3) ==
        "tensor 'x': element 1 is infinite, expected finite numbers only");
  CHECK(support::lacks(refused_read("F16", bytes_of<std::uint16_t>({0x3c00, 0x7e01}), 2), "element 1 is NaN") == "");
  CHECK(support::lacks(refused_read("F16", bytes_of<std::uint16_t>({0xfc00, 0}), 2), "element 0 is infinite") == "");
  CHECK(support::lacks(refused_read("BF16", bytes_of<std::uint16_t>({0, 0, 0x7f81}), 3), "element 2 is NaN") == "");
  CHECK(support::lacks(refused_read("BF16", bytes_of<std::uint16_t>({0x7f80, 0}), 2), "element 0 is infinite") == "");
  CHECK(support::lacks(refused_read("F64", bytes_of<double>({0, not_a_number}), 2), "element 1 is NaN") == "");
  CHECK(support::lacks(refused_read("F64", bytes_of<double>({1e300, 0}), 2), "element 0 is infinite") == "");
}

TEST_CASE("A tensor of another type, name or size is not read", "[io]") {
  const Opened file(file_of(R"({"f":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                            R"("i":{"dtype":"I32","shape":[2],"data_offsets":[24,32]}})",
                            zeros(32)));
  std::vector<float> out(6);
  const auto refused = [&](auto action) { return refusal(file.tensors, action); };
  CHECK(refused([&](const auto& f) { f.read("i", std::span(out).first(2)); }) ==
        "tensor 'i' has dtype I32, expected F32, F16, BF16 or F64");
  CHECK(refused([&](const auto& f) { f.read("g", out); }) == "has no tensor 'g'");
  CHECK(refused([&](const auto& f) { f.read("f", std::span(out).first(5)); }) ==
        "tensor 'f' has shape [2, 3], 6 numbers, expected 5");
  CHECK(refused([&](const auto& f) { f.read_rows("f", 1, 2, out); }) ==
        "tensor 'f' has shape [2, 3], expected 2 rows from row 1");
  CHECK(refused([&](const auto& f) { f.read_rows("f", 3, 0, {}); }) ==
        "tensor 'f' has shape [2, 3], expected 0 rows from row 3");
  CHECK(refused([&](const auto& f) { f.read_rows("f", 1, ~std::size_t{0}, out); }) ==
        "tensor 'f' has shape [2, 3], expected 18446744073709551615 rows from row 1");
  CHECK(refused([&](const auto& f) { f.read_rows("f", 0, 1, out); }) ==
        "tensor 'f' has shape [2, 3], 3 numbers in 1 rows, expected 6");
  CHECK(refused([&](const auto& f) { f.token_batch("f"); }) ==
        "tensor 'f' has dtype F32, expected I32 or I64: token ids");
  CHECK(refused([&](const auto& f) { f.token_batch("i"); }) == "tensor 'i' has shape [2], expected [batch, time]");
  CHECK(refused([&](const auto& f) { f.token_batch("i", 0); }) ==
        "tensor 'i' has shape [2], expected [step, batch, time]");
}

TEST_CASE("Rows of a tensor are read alone", "[io]") {
  const std::vector<float> values = sequence(12);
  const Opened file(one("F32", "[4,3]", bytes_of(values)));
  std::vector<float> out(6);
  file.tensors.read_rows("x", 1, 2, out);
  CHECK(out == std::vector<float>(values.begin() + 3, values.begin() + 9));
  file.tensors.read_rows("x", 4, 0, {});
  const Opened bad(one("F32", "[2,2]", bytes_of<float>({not_a_number, 0, 1, infinite})));
  CHECK(support::lacks(refusal(bad.tensors, [&](const auto& f) { f.read_rows("x", 1, 1, std::span(out).first(2)); }),
                       "element 3 is infinite") == "");
  const Opened empty(one("F32", "[0,9223372036854775807,4]", ""));
  CHECK(empty.tensors.read("x").empty());
  empty.tensors.read_rows("x", 0, 0, {});
}

TEST_CASE("Tokens of 32 and of 64 bits are read as batches", "[io]") {
  const Opened narrow(one("I32", "[2,3]", bytes_of<std::int32_t>({1, 2, 3, 4, 5, 6})));
  const bora::TokenBatch batch = narrow.tensors.token_batch("x");
  CHECK(batch.batch() == 2);
  CHECK(batch.time() == 3);
  CHECK(batch.row(1)[0] == 4);
  const Opened wide(one("I64", "[3,1,2]", bytes_of<std::int64_t>({1, 2, 3, 4, 5, 1LL << 31})));
  const bora::TokenBatch slice = wide.tensors.token_batch("x", 1);
  CHECK(slice.batch() == 1);
  CHECK(std::vector(slice.ids().begin(), slice.ids().end()) == std::vector<bora::TokenId>{3, 4});
  CHECK(refusal(wide.tensors, [](const auto& f) { f.token_batch("x", 2); }) ==
        "tensor 'x' holds 2147483648 as element 5, expected token ids of 32 bits");
  CHECK(refusal(wide.tensors, [](const auto& f) { f.token_batch("x", 3); }) ==
        "tensor 'x' has 3 slices (shape [3, 1, 2]), slice 3 was asked for");
  const Opened empty(one("I32", "[0,5]", ""));
  CHECK(refusal(empty.tensors, [](const auto& f) { f.token_batch("x"); }) ==
        "tensor 'x' has shape [0, 5], expected some tokens");
}

TEST_CASE("What is written is read back bit for bit", "[io]") {
  const TemporaryFolder folder;
  bora::Tensor<float, 3> tensor({2, 3, 5});
  const std::vector<float> values = sequence(30);
  std::ranges::copy(values, tensor.values().begin());
  const std::vector<bora::TokenId> ids = {5, -1, 7};
  const std::vector<bora::bfloat16> brains = {{0x3f80}, {0x8001}};

  bora::SafeTensorsWriter out;
  out.add("tensor", tensor);
  out.add("loss", 0.1);
  out.add("single", 0.25f);
  out.add("vector", values);
  out.add("ids", ids);
  out.add("batch", bora::TokenBatch(2, 2, {1, 2, 3, 4}));
  out.add("shaped", {5, 6}, values);
  out.add("one number", {}, std::span(values).first(1));
  out.add("empty", {0, 4}, {});
  out.add_bf16("brains", {2, 1}, brains);
  out.add_later("later", {30}, [&](std::span<float> to) { std::ranges::copy(values, to.begin()); });
  out.add_later<bora::Bf16>("later.bf16", {3}, [](std::span<float> to) { std::ranges::fill(to, 1.00390625f); });
  out.add("odd \"name\" \\ \u00e9\n", 2.f);
  out.metadata("step", "12");
  out.write(folder / "x.safetensors");

  const bora::SafeTensors in(folder / "x.safetensors");
  CHECK(in.names().size() == 13);
  CHECK(in.entry("tensor").shape == std::vector<std::size_t>{2, 3, 5});
  CHECK(in.entry("loss").shape == std::vector<std::size_t>{1});
  CHECK(in.entry("ids").shape == std::vector<std::size_t>{1, 3});
  CHECK(in.entry("ids").dtype == "I32");
  CHECK(in.entry("one number").shape.empty());
  CHECK(in.entry("brains").dtype == "BF16");
  for (const char* name : {"tensor", "vector", "shaped", "later"}) CHECK(in.read(name) == values);
  CHECK(in.read("loss") == std::vector<float>{0.1f});
  CHECK(in.read("brains") == std::vector<float>{1.f, bora::to_float(brains[1])});
  CHECK(in.read("later.bf16") == std::vector<float>(3, 1.f));  // halfway: the even neighbour
  CHECK(in.read("odd \"name\" \\ \u00e9\n") == std::vector<float>{2.f});
  CHECK(in.token_batch("ids").row(0)[1] == -1);
  CHECK(in.token_batch("batch").row(1)[0] == 3);
  CHECK(in.metadata().at("step") == "12");
  CHECK(folder.count() == 1);
}

TEST_CASE("A written file has the bytes other writers give it", "[io]") {
  const TemporaryFolder folder;
  bora::SafeTensorsWriter out;
  out.add_bf16("a", {1}, std::vector<bora::bfloat16>{{0x3f80}});
  out.add("c", 1.f);
  out.add("b", std::vector<bora::TokenId>{7, 8});
  out.write(folder / "x");
  // Larger elements first, then by name; spaces up to a multiple of 8.
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I32","shape":[1, 2],"data_offsets":[0,8]},)"
      R"("c":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"a":{"dtype":"BF16","shape":[1],"data_offsets":[12,14]}})";
  const std::string padding((8 - header.size() % 8) % 8, ' ');
  CHECK(support::bytes_of(folder / "x") ==
        file_of(header + padding, bytes_of<std::int32_t>({7, 8}) + support::as_bytes(1.f) + "\x80\x3f"));
}

TEST_CASE("The writer refuses names and sizes that no reader would take", "[io]") {
  bora::SafeTensorsWriter out;
  out.add("x", 1.f);
  const auto sentence = [&](auto action) -> std::string {
    try {
      action();
    } catch (const bora::ConfigError& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK(support::lacks(sentence([&] { out.add("x", 2.f); }), "'x' was added before") == "");
  CHECK(support::lacks(sentence([&] { out.add("__metadata__", 2.f); }), "the format's own") == "");
  CHECK(support::lacks(sentence([&] { out.add("\xff", 2.f); }), "is no UTF-8") == "");
  CHECK(support::lacks(sentence([&] { out.metadata("key", "\xff"); }), "is no UTF-8") == "");
  CHECK(support::lacks(sentence([&] { out.add("y", {2, 3}, sequence(5)); }),
                       "tensor 'y' of shape [2, 3] was given 5 numbers, expected 6") == "");
  CHECK(support::lacks(sentence([&] { out.add("y", std::vector<std::size_t>(65, 1), sequence(1)); }),
                       "tensor 'y' has 65 axes, expected at most 64") == "");
  CHECK(out.contains("x"));
  CHECK_FALSE(out.contains("y"));
  const TemporaryFolder folder;
  out.write(folder / "x");
  CHECK(bora::SafeTensors(folder / "x").read("x") == std::vector<float>{1.f});
}

TEST_CASE("A failed write keeps the file that was there", "[io]") {
  const TemporaryFolder folder;
  const auto path = folder.file("x", "old");
  bora::SafeTensorsWriter out;
  out.add_later("x", {4}, [](std::span<float>) { throw std::runtime_error("no numbers"); });
  CHECK_THROWS_AS(out.write(path), std::runtime_error);
  CHECK(support::bytes_of(path) == "old");
  CHECK(folder.count() == 1);
  const auto nowhere = folder / "none" / "x";
  CHECK(support::lacks(support::refusal(nowhere, [&] { out.write(nowhere); }), "cannot be written: ") == "");
}

TEST_CASE("A damaged safetensors file is refused or read, and nothing else happens", "[io]") {
  const TemporaryFolder folder;
  bora::SafeTensorsWriter out;
  out.add("tensor", {3, 4}, sequence(12));
  out.add("ids", std::vector<bora::TokenId>{1, 2, 3});
  out.add_bf16("brains", {2}, std::vector<bora::bfloat16>(2));
  out.write(folder / "x");
  const std::string good = support::bytes_of(folder / "x");
  constexpr std::string_view alphabet = "{}[]\",:0123456789-eF \x80\xff";
  std::mt19937 random(1);
  std::size_t refused = 0, rounds = 2000;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::string bytes = good;
    for (std::size_t changes = 1 + random() % 3; changes > 0; --changes)
      bytes[random() % bytes.size()] = alphabet[random() % alphabet.size()];
    if (random() % 4 == 0) bytes.resize(1 + random() % bytes.size());
    const auto path = folder.file("damaged", bytes);
    try {
      const bora::SafeTensors file(path);
      for (const std::string& name : file.names())
        file.entry(name).dtype == "I32" ? static_cast<void>(file.token_batch(name))
                                        : static_cast<void>(file.read(name));
    } catch (const bora::FileError& error) {
      ++refused;
      if (!std::string_view(error.what()).starts_with(path.string() + ": ")) FAIL(error.what());
    }
  }
  CHECK(refused > rounds / 2);
  CHECK(refused < rounds);
}
