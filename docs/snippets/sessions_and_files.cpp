// What docs/numerics.md, docs/caches.md and docs/files.md show. Each function throws where a promise does not hold.
#include <bora/infer.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/io/save.hpp>
#include <bora/io/save_gguf.hpp>
#include <bora/model/zoo/mistral.hpp>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Windowed : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 512;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 16},
                                                bora::SlidingWindow<32>, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<176>;
};
using Model = bora::Decoder<Windowed, bora::F32>;

void require(bool fulfilled, const char* promise) {
  if (!fulfilled) throw std::logic_error(std::string("not fulfilled: ") + promise);
}
std::vector<bora::TokenId> some_text(std::size_t length) {
  std::vector<bora::TokenId> text(length);
  bora::Random random(/*seed=*/5);
  for (bora::TokenId& t : text) t = static_cast<bora::TokenId>(random.below(Windowed::vocab_size));
  return text;
}

// [same_bits]
bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

void check_same_bits(const Model& model, std::span<const bora::TokenId> text) {
  bora::Session session{model};
  const auto whole = session.prefill(text);  // the prompt in one piece, one thread

  bora::ThreadPool pool{3};
  bora::Session in_pieces{model, {.chunk = 7, .pool = &pool}};
  require(same_bits(in_pieces.prefill(text), whole), "pieces and threads change no bit");

  bora::BatchSession<Model, bora::PagedCache<16, bora::F32>> batch{model, {.sequences = 2}};
  batch.prefill(1, text.first(9));  // another sequence beside it, another cache
  batch.prefill(0, text.first(text.size() - 1));
  const auto rows = batch.step(std::vector<bora::TokenId>{text.back(), 42});
  require(same_bits(rows.row(0), whole), "neither the batch nor the cache changes a bit");
}
// [/same_bits]

void choose_caches(const Model& model) {
  // [cache_types]
  bora::Session by_mask{model};  // DefaultCache: a ring where the mask has a window, all keys where it has none
  bora::Session<Model, bora::LinearCache<bora::F32>> linear{model, {.capacity = 4096}};
  bora::Session<Model, bora::RollingCache<bora::Bf16>> ring{model, {.rewind = 64}};
  bora::Session<Model, bora::PagedCache<64, bora::Q8>> paged{model, {.capacity = 4096}};
  // [/cache_types]
  require(ring.cache_bytes() < linear.cache_bytes() && paged.cache_bytes() < linear.cache_bytes(), "sizes");
  require(by_mask.limit() == 0 && linear.limit() == 4096, "a ring has no end");
}

// [cache_arithmetic]
// 2 * 8 heads * 128 features * 2 bytes * 32 layers: 128 KiB a token, of which Mistral keeps a window of 4096.
static_assert(bora::cache_bytes<bora::Mistral7B>(1) == 131'072);
static_assert(bora::cache_bytes<bora::Mistral7B>(8'192) == 4'096 * 131'072ull);
static_assert(bora::cache_bytes<bora::Mistral7Bv02>(32'768) == 32'768 * 131'072ull);             // no window: 4 GiB
static_assert(bora::cache_bytes<bora::Mistral7B, bora::Q8>(1) == 131'072 / 2 + 2 * 8 * 4 * 32);  // and the scales
// [/cache_arithmetic]

void take_back(const Model& model, std::span<const bora::TokenId> text) {
  // [rewind]
  bora::Session session{model, {.rewind = 16}};
  session.prefill(text);
  const auto first = session.step(7);
  const std::vector<float> expected(first.begin(), first.end());  // a view: the next call overwrites it
  session.step(8);
  session.rewind(text.size());  // forgets both
  require(same_bits(session.step(7), expected), "what is taken back leaves no trace");
  // [/rewind]
}

void share_a_prompt(const Model& model, std::span<const bora::TokenId> text) {
  // [fork]
  bora::BatchSession<Model, bora::PagedCache<64, bora::F32>> session{model, {.capacity = 512, .sequences = 3}};
  session.prefill(0, text);  // once
  session.fork(0, 1);        // pages are shared until one of them writes
  session.fork(0, 2);
  const auto logits = session.step(std::vector<bora::TokenId>{10, 20, 30});
  // [/fork]
  require(logits.size() == 3 && !same_bits(logits.row(0), logits.row(1)), "three continuations");
}

void keep_on_disk(const Model& model, std::span<const bora::TokenId> text, const std::filesystem::path& file) {
  // [save_session]
  bora::Session ring{model};
  ring.prefill(text);
  bora::save_session(ring, file);

  bora::Session<Model, bora::PagedCache<64, bora::F32>> later{model};  // another kind of cache
  bora::restore_session(later, file);
  require(same_bits(later.step(7), ring.step(7)), "decoding goes on with the same bits");
  // [/save_session]
}

// [gguf]
void quantise(const std::filesystem::path& folder, const std::filesystem::path& file) {
  const auto report = bora::save_gguf(folder, file, {.type = bora::ElementType::q4_k});
  for (const bora::GgufTensorReport& tensor : report)
    std::printf("%s: %s, error %.2g\n", tensor.name.c_str(), std::string(bora::facts_of(tensor.type).name).c_str(),
                tensor.relative_error);
  const auto model = bora::load<Windowed, bora::Mixed>(file);  // each matrix as the file has it
  std::printf("%zu bytes\n", model.weight_bytes());
}
// [/gguf]

// [save_model]
void save_and_load(const Model& model, const std::filesystem::path& folder) {
  bora::save(model, folder, {.numbers = bora::StoredNumbers::bf16});  // config.json, model.safetensors

  const auto again = bora::load<Windowed, bora::Bf16>(folder);                  // weights packed for decoding
  const bora::Parameters parameters = bora::load_parameters<Windowed>(folder);  // one flat F32 array, to train
  std::printf("%zu bytes packed, %zu numbers\n", again.weight_bytes(), parameters.values().size());
}
// [/save_model]

// [refused]
struct Wider : Windowed {
  using FeedForward = bora::SwiGlu<192>;
};

std::string why_refused(const std::filesystem::path& folder) {
  try {
    bora::load<Wider, bora::F32>(folder);
  } catch (const bora::ConfigError& error) {
    return error.what();  // names the file, the key, what was found and what was expected
  }
  return "";
}
// [/refused]

// [read_tensor]
void print_tensors(const std::filesystem::path& file) {
  const bora::SafeTensors tensors(file);
  for (const std::string& name : tensors.names()) {
    const bora::SafeTensors::Entry& entry = tensors.entry(name);
    std::printf("%-48s %s, %zu numbers\n", name.c_str(), entry.dtype.c_str(), entry.elements());
  }
}
// [/read_tensor]

// [tensor_names]
void print_names() {
  const bora::ModelDescription model = bora::describe<Windowed>();
  const bora::CheckpointNames names{.family = bora::family_of(model)};
  for (const bora::TensorEntry& tensor : bora::tensors_of<Windowed>())
    std::printf("%-20s %s\n", std::string(tensor.id.name).c_str(),
                bora::place_of(names, model, tensor.id, tensor.shape).name.c_str());
}
// [/tensor_names]

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) return std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  const std::filesystem::path folder = argv[1];
  std::filesystem::remove_all(folder);
  const Model model = bora::random_model<Windowed, bora::F32>(/*seed=*/1);
  const std::vector<bora::TokenId> text = some_text(100);
  check_same_bits(model, text);
  choose_caches(model);
  take_back(model, text);
  share_a_prompt(model, text);
  save_and_load(model, folder);
  quantise(folder, folder / "model.gguf");
  keep_on_disk(model, text, folder / "prompt.kv");
  const std::string reason = why_refused(folder);
  std::printf("%s\n", reason.c_str());
  require(reason.find("intermediate_size") != reason.npos, "the sentence names the key");
  print_tensors(folder / "model.safetensors");
  print_names();
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
