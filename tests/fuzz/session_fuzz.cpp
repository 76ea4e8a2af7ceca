// A file of a session: refused, and the session is as it was; or the session goes on from it.
#include "fuzz/fuzz.hpp"
#include <bora/infer/session_file.hpp>
#include <bora/model/decoder.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// Small, with one layer of each kind.
struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 5, dim = 4, layers = 1, context = 64;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 1, .kv_heads = 1, .head_dim = 2},
                                                bora::SlidingWindow<20>, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<4>;
};
using Model = bora::Decoder<Spec, bora::F32>;
using Ring = bora::Session<Model, bora::RollingCache<bora::F32>>;
using Linear = bora::Session<Model, bora::LinearCache<bora::F32>>;
using Paged = bora::Session<Model, bora::PagedCache<16, bora::F32>>;

const Model& model() {
  static const Model model = bora::random_model<Spec, bora::F32>(1);
  return model;
}
template <class Session>
Session& session() {
  static Session session(model(), {.chunk = 16});
  return session;
}

constexpr std::size_t word = sizeof(std::uint64_t);

template <class Session>
void restore_and_go_on(const std::filesystem::path& path) {
  Session& s = session<Session>();
  s.reset();
  s.prefill(std::vector<bora::TokenId>{1, 2, 3});
  const bool restored = fuzz::survives([&] { bora::restore_session(s, path); });
  if (!restored) fuzz::require(s.length() == 3, "a refused file changes nothing");
  fuzz::survives([&] { s.step(1); });
  fuzz::survives([&] { s.prefill(std::vector<bora::TokenId>(50, 3)); });
  if (restored) fuzz::require(s.length() < std::uint64_t{1} << 50, "positions do not wrap");
  fuzz::survives([&] { s.rewind(s.length() - std::min<std::size_t>(s.length(), 2)); });
  fuzz::survives([&] { s.step(2); });
  if (restored) fuzz::survives([&] { bora::save_session(s, fuzz::folder() / "again"); });
}

template <class Session>
std::string saved(std::size_t length) {
  Session& s = session<Session>();
  s.reset();
  if (length > 0) s.prefill(std::vector<bora::TokenId>(length, 1));
  bora::save_session(s, fuzz::folder() / "good");
  return fuzz::bytes_of(fuzz::folder() / "good");
}

/// Another number in the header or in the table of first runs.
std::string with_another_number(std::string bytes, fuzz::Random& random) {
  const std::uint64_t last = ~std::uint64_t{0};
  const std::uint64_t values[] = {0, 1, 2, 3, 15, 16, 17, 63, 64, 65, last, last - 15, last - 40, last / 16, last / 2};
  const std::uint64_t value = values[random() % std::size(values)] + random() % 3;
  const std::size_t at = (random() % 2 == 0 ? 6 + random() % 2 : random() % 8) * word;
  if (bytes.size() >= at + word) std::memcpy(&bytes[at], &value, word);
  return bytes;
}

/// As long as `bytes` says, with the runs that such a file holds: how far a ring may have come is up to the file.
std::string with_all_runs(std::string bytes) {
  constexpr std::size_t length_at = 6 * word, first_at = 7 * word, window = 20;
  if (bytes.size() < first_at + 2 * word) return bytes;
  std::uint64_t length = 0;
  std::memcpy(&length, &bytes[length_at], word);
  const std::uint64_t first = length < window ? 0 : (length - window + 1) / bora::simd::run_length;
  const std::uint64_t runs = length / bora::simd::run_length + (length % bora::simd::run_length != 0);
  std::memcpy(&bytes[first_at], &first, word);
  bytes.resize(first_at + 2 * word + (runs - first) * session<Ring>().batch().cache().run_bytes(0));
  return bytes;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::folder().file("saved", fuzz::text_of(data, size));
  restore_and_go_on<Ring>(path);
  restore_and_go_on<Linear>(path);
  restore_and_go_on<Paged>(path);
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = {saved<Linear>(0), saved<Linear>(5), saved<Paged>(40), saved<Ring>(100)};
  fuzz::Random random(seed);
  std::string bytes = fuzz::base_of(data, size, good, random);
  bytes = random() % 2 == 0 ? with_another_number(std::move(bytes), random) : fuzz::mutated(std::move(bytes));
  if (random() % 4 == 0) bytes = with_all_runs(std::move(bytes));
  if (random() % 8 != 0) {
    bytes.resize(bytes.size() / word * word);
    bytes = fuzz::sealed(std::move(bytes));
  }
  return fuzz::give(bytes, data, max_size);
}
