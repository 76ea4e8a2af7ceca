#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/reference.hpp"
#include <bora/io/llama2c.hpp>
#include <bora/io/load.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/model/parameters.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using support::TemporaryFolder;

struct Tiny : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 5, dim = 8, layers = 2, context = 3;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 2, .kv_heads = 1, .head_dim = 4}, bora::Causal,
                                                bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<6>;
};
struct TinyTied : Tiny {
  static constexpr bool tie_embeddings = true;
};

struct Stories260K : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 512, dim = 64, layers = 5, context = 512;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 8, .kv_heads = 4, .head_dim = 8}, bora::Causal,
                                                bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<172>;
};

// Other shapes.
struct Wide : Tiny {
  static constexpr std::size_t dim = 16;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 1, .head_dim = 4}, bora::Causal,
                                                bora::Rope<1e4>>;
};
struct Deep : Tiny {
  static constexpr std::size_t layers = 3;
};
struct Hidden : Tiny {
  using FeedForward = bora::SwiGlu<8>;
};
struct Heads : Tiny {
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 4, .head_dim = 2}, bora::Causal, bora::Rope<1e4>>;
};
struct KeyHeads : Tiny {
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 4}, bora::Causal, bora::Rope<1e4>>;
};
struct Words : Tiny {
  static constexpr std::size_t vocab_size = 6;
};
struct Long : Tiny {
  static constexpr std::size_t context = 4;
};
struct Short : Tiny {
  static constexpr std::size_t context = 1;
};
// Other architectures.
constexpr bora::HeadShape tiny_heads{.heads = 2, .kv_heads = 1, .head_dim = 4};
struct Window : Tiny {
  using Attention = bora::GroupedQueryAttention<tiny_heads, bora::SlidingWindow<2>, bora::Rope<1e4>>;
};
struct Theta : Tiny {
  using Attention = bora::GroupedQueryAttention<tiny_heads, bora::Causal, bora::Rope<1e6>>;
};
struct Partly : Tiny {
  using Attention = bora::GroupedQueryAttention<tiny_heads, bora::Causal, bora::Rope<1e4, 0.5>>;
};
struct Biased : Tiny {
  using Attention = bora::GroupedQueryAttention<tiny_heads, bora::Causal, bora::Rope<1e4>, bora::Bias>;
};
struct Clipped : Tiny {
  using Attention = bora::GroupedQueryAttention<tiny_heads, bora::Causal, bora::Rope<1e4>, bora::ClipQkv<2.5>>;
};
struct Linear : Tiny {
  using Attention = bora::GroupedQueryAttention<tiny_heads, bora::Causal, bora::Alibi<8.0>>;
};
struct Eps : Tiny {
  using Norm = bora::RmsNorm<1e-6>;
};
struct Centred : Tiny {
  using Norm = bora::LayerNorm<1e-5>;
};
struct Experts : Tiny {
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<6>>;
};
struct Plain : Tiny {
  using FeedForward = bora::Mlp<6, bora::Gelu>;
};
struct Parallel : Tiny {
  using Residual = bora::ParallelResidual<bora::SharedNorm>;
};
struct Learned : Tiny {
  using Position = bora::LearnedPositions;
};
struct Narrow : Tiny {
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 1, .kv_heads = 1, .head_dim = 4}, bora::Causal,
                                                bora::Rope<1e4>>;
};

using Fields = std::vector<std::int32_t>;
const Fields tiny = {8, 6, 2, 2, 1, -5, 3};

std::string fields_of(const Fields& fields) {
  std::string bytes;
  for (const std::int32_t field : fields) bytes += support::as_bytes(field);
  return bytes;
}

/// A header of version 1.
std::string version_1(Fields fields, char shared, std::int32_t version = 1) {
  fields[5] = std::abs(fields[5]);
  std::string bytes = "24ka" + support::as_bytes(version) + fields_of(fields) + shared;
  return bytes + std::string(256 - bytes.size(), '\0');
}

/// The number at an index of a tensor, as the file orders it: another for each.
float number(std::size_t tensor, std::size_t layer, std::size_t index) {
  return static_cast<float>(tensor * 10'000 + layer * 1000 + index);
}

/// The Tiny model's tensors: the library's name, elements a layer, layers.
struct Part {
  std::string_view name;
  std::size_t size, layers;
};
const Part parts[] = {
    {"embedding", 40, 1}, {"attention_norm", 8, 2},        {"query", 64, 2}, {"key", 32, 2},  {"value", 32, 2},
    {"output", 64, 2},    {"feed_forward_norm", 8, 2},     {"gate", 48, 2},  {"down", 48, 2}, {"up", 48, 2},
    {"final_norm", 8, 1}, {"rotary tables", 3 * 2 * 2, 1}, {"head", 40, 1}};
const std::vector<std::size_t> order_0 = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
                               order_1 = {1, 6, 10, 0, 2, 3, 4, 5, 7, 8, 9, 12};

std::string tensors(const std::vector<std::size_t>& order) {
  std::string bytes;
  for (const std::size_t t : order)
    for (std::size_t layer = 0; layer < parts[t].layers; ++layer)
      for (std::size_t i = 0; i < parts[t].size; ++i) bytes += support::as_bytes(number(t, layer, i));
  return bytes;
}
std::string tiny_0() { return fields_of(tiny) + tensors(order_0); }
std::string tiny_1() { return version_1(tiny, 0) + tensors(order_1); }

std::string with(Fields fields, std::size_t index, std::int32_t value) {
  fields[index] = value;
  return fields_of(fields) + std::string(64, '\0');
}

std::string refusal(const std::string& bytes) {
  const TemporaryFolder folder;
  const auto path = folder.file("model.bin", bytes);
  return support::refusal(path, [&] { bora::Llama2cCheckpoint{path}; });
}

/// Why the type does not fit the file.
template <class S>
std::string misfit(const std::string& bytes) {
  const TemporaryFolder folder;
  const bora::Llama2cCheckpoint file(folder.file("model.bin", bytes));
  return support::refusal<bora::ConfigError>(file.path(), [&] { file.check(bora::describe<S>()); });
}

template <class S>
bora::Parameters<S> parameters_of(const bora::Llama2cCheckpoint& file) {
  bora::Parameters<S> parameters;
  parameters.for_each(
      [&](bora::TensorId id, bora::TensorShape shape, std::span<float> out) { file.read(id, shape, out); });
  return parameters;
}

/// A source for write_llama2c.
template <class S>
auto supply(const bora::Parameters<S>& parameters) {
  return [&](bora::TensorId id, bora::TensorShape shape, std::span<float> out) {
    bool found = false;
    parameters.for_each([&](bora::TensorId other, bora::TensorShape, std::span<const float> values) {
      if (other.name != id.name || other.layer != id.layer) return;
      REQUIRE(values.size() == shape.size());
      REQUIRE(values.size() == out.size());
      std::ranges::copy(values, out.begin());
      found = true;
    });
    REQUIRE(found);
  };
}

std::string hugging_face_name(bora::TensorId id) {
  const std::string layer = "model.layers." + std::to_string(id.layer) + ".";
  if (id.name == "embedding") return "model.embed_tokens.weight";
  if (id.name == "final_norm") return "model.norm.weight";
  if (id.name == "attention_norm") return layer + "input_layernorm.weight";
  if (id.name == "feed_forward_norm") return layer + "post_attention_layernorm.weight";
  if (id.name == "query") return layer + "self_attn.q_proj.weight";
  if (id.name == "key") return layer + "self_attn.k_proj.weight";
  if (id.name == "value") return layer + "self_attn.v_proj.weight";
  if (id.name == "output") return layer + "self_attn.o_proj.weight";
  return layer + "mlp." + std::string(id.name) + "_proj.weight";
}

}  // namespace

TEST_CASE("Every rule of llama2.c files refuses its file with a sentence of its own", "[io]") {
  struct Case {
    std::string name, bytes, expected;
  };
  std::string padded = tiny_1();
  padded[200] = 1;
  constexpr std::int32_t lowest = std::numeric_limits<std::int32_t>::min(),
                         highest = std::numeric_limits<std::int32_t>::max();
  const Case cases[] = {
      {"a header cut short", tiny_0().substr(0, 27), "is 27 bytes long, expected at least the 28 of a llama2.c header"},
      {"dim 0", with(tiny, 0, 0), "header field dim is 0, expected 1 or more"},
      {"dim below 0", with(tiny, 0, -8), "header field dim is -8, expected 1 or more"},
      {"no hidden", with(tiny, 1, 0), "header field hidden_dim is 0"},
      {"no layers", with(tiny, 2, -2), "header field n_layers is -2"},
      {"no heads", with(tiny, 3, 0), "header field n_heads is 0"},
      {"no key heads", with(tiny, 4, 0), "header field n_kv_heads is 0"},
      {"no vocabulary", with(tiny, 5, 0), "header field vocab_size is 0"},
      {"no context", with(tiny, 6, 0), "header field max_seq_len is 0"},
      {"heads that do not divide dim", with(tiny, 3, 3), "header field n_heads is 3, expected a divisor of dim, 8"},
      {"key heads that do not divide heads", with({8, 6, 2, 2, 1, -5, 3}, 4, 3),
       "header field n_kv_heads is 3, expected a divisor of n_heads, 2"},
      {"heads of odd width", with(tiny, 3, 8), "heads are 1 wide (dim 8, n_heads 8), expected an even number"},
      {"one byte less", tiny_0().substr(0, tiny_0().size() - 1),
       "is " + std::to_string(tiny_0().size() - 1) + " bytes long, expected the " + std::to_string(tiny_0().size()) +
           " that its header implies (the head is a matrix of its own)"},
      {"one byte more", tiny_0() + "x", "bytes long, expected the " + std::to_string(tiny_0().size())},
      {"a head too many", fields_of({8, 6, 2, 2, 1, 5, 3}) + tensors(order_0),
       "expected the " + std::to_string(tiny_0().size() - 160) +
           " that its header implies (the head is the embedding)"},
      {"the lowest vocabulary", with(tiny, 5, lowest), "bytes long, expected the "},
      {"a size beyond 64 bits", with({highest, highest, highest, 1, 1, 5, 3}, 0, highest - 1),
       "the tensors that the header implies are too large"},
      {"version 2", version_1(tiny, 0, 2), "is a llama2.c checkpoint of version 2 (int8), expected version 0 or 1"},
      {"version 3", version_1(tiny, 0, 3), "is a llama2.c checkpoint of version 3, expected 0 or 1"},
      {"a header of version 1 cut short", tiny_1().substr(0, 255),
       "is 255 bytes long, expected at least the 256 of a llama2.c header"},
      {"version 1, negative vocabulary", "24ka" + support::as_bytes(1) + fields_of(tiny) + std::string(300, '\0'),
       "header field vocab_size is -5"},
      {"version 1, another flag", version_1(tiny, 2) + tensors(order_1),
       "header field shared_classifier is 2, expected 0 or 1"},
      {"version 1, padding", padded, "header byte 200 is 1, expected zeros up to byte 256"},
      {"version 1, one byte more", tiny_1() + "x", "bytes long, expected the " + std::to_string(tiny_1().size())},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(support::lacks(refusal(c.bytes), c.expected) == "");
  }
}

TEST_CASE("Both versions of a llama2.c file give the library's tensors", "[io]") {
  const int version = GENERATE(0, 1);
  const TemporaryFolder folder;
  const bora::Llama2cCheckpoint file(folder.file("model.bin", version == 0 ? tiny_0() : tiny_1()));
  CHECK(file.header().version == version);
  CHECK(file.header().vocab_size == 5);
  CHECK_FALSE(file.header().tied);
  CHECK_NOTHROW(file.check(bora::describe<Tiny>()));
  std::size_t compared = 0;
  parameters_of<Tiny>(file).for_each([&](bora::TensorId id, bora::TensorShape shape, std::span<const float> found) {
    std::size_t t = 0;
    while (parts[t].name != id.name) ++t;
    const bool rotates = id.name == "query" || id.name == "key";
    for (std::size_t i = 0; i < found.size(); ++i) {
      // Rows of a head: 0 1 2 3 are the file's 0 2 1 3, pairs (2c, 2c + 1) becoming (c, c + 2).
      constexpr std::size_t file_row[] = {0, 2, 1, 3};
      const std::size_t row = shape.matrix() ? i / shape.cols : 0;
      const std::size_t from = rotates ? (row / 4 * 4 + file_row[row % 4]) * shape.cols + i % shape.cols : i;
      if (found[i] != number(t, id.layer, from)) FAIL(std::string(id.name) << " " << i);
    }
    ++compared;
  });
  CHECK(compared == 2 + 1 + 2 * 9);
}

TEST_CASE("A llama2.c file must be of the type's shape", "[io]") {
  CHECK(misfit<Tiny>(tiny_0()) == "accepted");
  CHECK(misfit<Wide>(tiny_0()) == "header field dim is 8, the type expects 16");
  CHECK(misfit<Deep>(tiny_0()) == "header field n_layers is 2, the type expects 3");
  CHECK(misfit<Hidden>(tiny_0()) == "header field hidden_dim is 6, the type expects 8");
  CHECK(misfit<Heads>(tiny_0()) == "header field n_heads is 2, the type expects 4");
  CHECK(misfit<KeyHeads>(tiny_0()) == "header field n_kv_heads is 1, the type expects 2");
  CHECK(misfit<Words>(tiny_0()) == "header field vocab_size is 5, the type expects 6");
  CHECK(misfit<TinyTied>(tiny_0()) == "the head is a matrix of its own, the type expects the embedding");
}

TEST_CASE("A llama2.c file may be of another context than the type's", "[io]") {
  const TemporaryFolder folder;
  for (const std::string& bytes : {tiny_0(), tiny_1()}) {
    const bora::Llama2cCheckpoint file(folder.file("model.bin", bytes));
    const bora::Parameters<Tiny> expected = parameters_of<Tiny>(file);
    const auto check_context = [&]<class S>(S) {
      CHECK(misfit<S>(bytes) == "accepted");
      CHECK(
          std::ranges::equal(parameters_of<S>(file).values(), expected.values()));  // the head stands behind the tables
    };
    check_context(Long{});
    check_context(Short{});
  }
}

TEST_CASE("The llama2.c format holds Llama models only", "[io]") {
  const auto has = [](std::string_view place, std::string_view file, std::string_view type) {
    return bora::detail::message("a llama2.c file has as ", place, ": ", file, "; the model's type has: ", type);
  };
  CHECK(misfit<Window>(tiny_0()) == has("attention.mask", "Causal", "SlidingWindow"));
  CHECK(misfit<Theta>(tiny_0()) == has("attention.position.theta", "10000.0", "1e+06"));
  CHECK(misfit<Partly>(tiny_0()) == has("attention.position.fraction", "1.0", "0.5"));
  CHECK(misfit<Biased>(tiny_0()) == has("attention.bias", "none", "Bias"));
  CHECK(misfit<Clipped>(tiny_0()) == has("attention.clip", "none", "ClipQkv"));
  CHECK(misfit<Linear>(tiny_0()) == has("attention.position", "Rope", "Alibi"));
  CHECK(misfit<Eps>(tiny_0()) == has("norm.eps", "1e-05", "1e-06"));
  CHECK(misfit<Centred>(tiny_0()) == has("norm", "RmsNorm", "LayerNorm"));
  CHECK(misfit<Experts>(tiny_0()) == has("feed_forward", "SwiGlu", "MixtureOfExperts"));
  CHECK(misfit<Plain>(tiny_0()) == has("feed_forward", "SwiGlu", "Mlp"));
  CHECK(misfit<Parallel>(tiny_0()) == has("residual", "SequentialResidual", "ParallelResidual"));
  CHECK(misfit<Learned>(tiny_0()) == has("position", "NoPosition", "LearnedPositions"));
  CHECK(misfit<Narrow>(tiny_0()) == has("attention.shape.head_dim", "8", "4"));
}

TEST_CASE("A llama2.c file is described by its header", "[io]") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.file("model.bin", tiny_0());
  const bora::ModelDescription found = bora::describe(file), expected = bora::describe<Tiny>();
  CHECK(!bora::first_difference(found, expected));
  CHECK(found.parameters == expected.parameters);
  CHECK(found.context == expected.context);
}

TEST_CASE("A llama2.c tensor of another name, layer, shape or value is not read", "[io]") {
  const TemporaryFolder folder;
  std::string bytes = tiny_0();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(&bytes[28 + 4 * (40 + 8 + 2)], &nan, sizeof nan);  // attention_norm of layer 1, element 2
  const bora::Llama2cCheckpoint file(folder.file("model.bin", bytes));
  std::vector<float> out(64);
  const auto refused = [&](bora::TensorId id, bora::TensorShape shape) {
    return support::refusal(file.path(), [&] { file.read(id, shape, std::span(out).first(shape.size())); });
  };
  CHECK(refused({"query"}, {8, 8}) == "accepted");
  CHECK(refused({"router"}, {8, 8}) == "has no tensor 'router'");
  CHECK(refused({"query", 2}, {8, 8}) == "has no tensor 'query of layer 2': the header gives 2 layers");
  CHECK(refused({"query"}, {4, 8}) == "tensor 'query of layer 0' has shape [8, 8], expected [4, 8] in 32 numbers");
  CHECK(refused({"final_norm"}, {7}) == "tensor 'final_norm' has shape [8], expected [7] in 7 numbers");
  CHECK(refused({"final_norm"}, {8, 1}) == "tensor 'final_norm' has shape [8], expected [8, 1] in 8 numbers");
  CHECK(refused({"attention_norm", 1}, {8}) ==
        "tensor 'attention_norm of layer 1': element 2 is NaN, expected finite numbers only");
}

TEST_CASE("A model written as a llama2.c file is read back bit for bit", "[io]") {
  const TemporaryFolder folder;
  const auto round_trip = [&]<class S>(S) {
    bora::Parameters<S> written;
    std::mt19937 random(3);
    for (float& value : written.values()) value = static_cast<float>(random()) * 0x1p-32f - 0.5f;
    bora::write_llama2c(folder / "model.bin", bora::describe<S>(), supply(written));
    const bora::Llama2cCheckpoint file(folder / "model.bin");
    CHECK_NOTHROW(file.check(bora::describe<S>()));
    const bora::Parameters<S> read = parameters_of<S>(file);
    CHECK(std::ranges::equal(written.values(), read.values()));
    // The path says what kind of file it is.
    CHECK(std::ranges::equal(written.values(), bora::load_parameters<S>(folder / "model.bin").values()));
    CHECK(std::ranges::equal(written.values(), bora::load<S, bora::F32>(folder / "model.bin").parameters().values()));
  };
  round_trip(Tiny{});
  round_trip(TinyTied{});
  CHECK(folder.count() == 1);
}

TEST_CASE("A llama2.c file is written in the file's order", "[io]") {
  const TemporaryFolder folder;
  const bora::Llama2cCheckpoint file(folder.file("model.bin", tiny_0()));
  bora::write_llama2c(folder / "again.bin", bora::describe<Tiny>(), supply(parameters_of<Tiny>(file)));
  std::string expected = tiny_0(), found = support::bytes_of(folder / "again.bin");
  REQUIRE(found.size() == expected.size());
  // All but the rotary tables, which are computed: cos, then sin, of position * {1, 1/100}.
  const std::size_t tables = expected.size() - 4 * (12 + 40);
  float computed[12];
  std::memcpy(computed, &found[tables], sizeof computed);
  found.replace(tables, sizeof computed, expected, tables, sizeof computed);
  CHECK(found == expected);
  for (std::size_t position = 0; position < 3; ++position)
    for (std::size_t c = 0; c < 2; ++c) {
      const double angle = static_cast<double>(position) * (c == 0 ? 1 : 0.01);
      CHECK_THAT(computed[position * 2 + c], Catch::Matchers::WithinAbs(std::cos(angle), 1e-7));
      CHECK_THAT(computed[6 + position * 2 + c], Catch::Matchers::WithinAbs(std::sin(angle), 1e-7));
    }
}

TEST_CASE("A type that llama2.c files cannot hold is not written", "[io]") {
  const TemporaryFolder folder;
  const auto path = folder.file("model.bin", "old");
  CHECK_THROWS_AS(bora::write_llama2c(path, bora::describe<Eps>(), [](auto, auto, auto) {}), bora::ConfigError);
  auto huge = bora::describe<Tiny>();
  huge.vocab_size = std::size_t{1} << 31;
  CHECK_THROWS_AS(bora::write_llama2c(path, huge, [](auto, auto, auto) {}), bora::ConfigError);
  CHECK(support::bytes_of(path) == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("A damaged llama2.c header is refused or read, and nothing else happens", "[io]") {
  const TemporaryFolder folder;
  const std::string good[] = {tiny_0(), tiny_1()};
  std::mt19937 random(2);
  std::size_t refused = 0;
  for (std::size_t round = 0; round < 1000; ++round) {
    std::string bytes = good[round % 2];
    for (std::size_t changes = 1 + random() % 3; changes > 0; --changes)
      bytes[random() % (round % 2 == 0 ? 28 : 256)] = static_cast<char>(random());
    const auto path = folder.file("damaged", bytes);
    try {
      const bora::Llama2cCheckpoint file(path);
      parameters_of<Tiny>(file);
    } catch (const bora::FileError& error) {
      ++refused;
      if (!std::string_view(error.what()).starts_with(path.string() + ": ")) FAIL(error.what());
    }
  }
  CHECK(refused > 900);
}

TEST_CASE("The published llama2.c file holds the published Hugging Face tensors", "[io]") {
  const auto reference = support::reference_folder();
  if (!reference) return support::skip_without_reference("stories260K.bin of stories260k");
  const bora::Llama2cCheckpoint file(*reference / "stories260k" / "stories260K.bin");
  const bora::SafeTensors expected(*reference / "stories260k" / "model.safetensors");
  CHECK_NOTHROW(file.check(bora::describe<Stories260K>()));
  const bora::Parameters<Stories260K> parameters = parameters_of<Stories260K>(file);
  std::size_t compared = 0;
  parameters.for_each([&](bora::TensorId id, bora::TensorShape, std::span<const float> found) {
    const std::vector<float> tensor = expected.read(hugging_face_name(id));
    INFO(hugging_face_name(id));
    REQUIRE(tensor.size() == found.size());
    CHECK(std::memcmp(tensor.data(), found.data(), found.size_bytes()) == 0);
    ++compared;
  });
  CHECK(compared == expected.names().size());

  // Written again, all bytes are the published ones but those of the tables that readers ignore.
  const TemporaryFolder folder;
  bora::write_llama2c(folder / "again.bin", bora::describe<Stories260K>(), supply(parameters));
  std::string published = support::bytes_of(file.path()), again = support::bytes_of(folder / "again.bin");
  const std::size_t tables = std::size_t{2} * 512 * 4 * sizeof(float);
  published.resize(published.size() - tables);
  again.resize(again.size() - tables);
  CHECK(published == again);
}
