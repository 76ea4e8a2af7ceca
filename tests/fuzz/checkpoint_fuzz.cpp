// The state.json of a training run's checkpoint: refused, and the trainer is as it was; or the run goes on.
#include "fuzz/fuzz.hpp"
#include <bora/train/checkpoint.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

struct Spec : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 5, dim = 4, layers = 1, context = 8;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 1, .kv_heads = 1, .head_dim = 2}, bora::Causal,
                                                bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<4>;
};
using Model = bora::Decoder<Spec, bora::F32>;

bora::Trainer<Model>& trainer() {
  static Model model = bora::random_model<Spec, bora::F32>(1);
  static bora::Trainer<Model> trainer(model);
  return trainer;
}

std::filesystem::path runs() { return fuzz::folder() / "runs"; }
std::filesystem::path state_file() { return runs() / "last" / "state.json"; }

std::string saved() {
  bora::TrainingState run;
  run.history.training = {{0, 1.5}};
  run.best = bora::LossPoint{0, 1.5};
  bora::save_checkpoint(runs(), trainer(), run);
  return fuzz::bytes_of(state_file());
}
const std::string& good() {
  static const std::string text = saved();
  return text;
}

/// With the checksum that belongs to the state.
std::string sealed(const std::string& text) {
  try {
    bora::Json all = bora::parse_json(text, "state.json");
    if (!all.is_object() || !all.contains("state")) return text;
    all["checksum"] = bora::detail::hex(bora::detail::text_sum(all["state"].dump()));
    return all.dump();
  } catch (const bora::Error&) {
    return text;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(good());
  fuzz::folder().file("runs/last/state.json", fuzz::text_of(data, size));
  fuzz::survives([&] { bora::restore_checkpoint(runs(), trainer()); });
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> words = {
      "state",    "files",   "best",    "checkpoint",  "step",       "data", "options", "bytes",
      "checksum", "version", "batches", "config.json", "state.json", "lock", "..",      "step-000000000"};
  fuzz::Random random(seed);
  std::string text = fuzz::mutated_json(fuzz::base_of(data, size, {good()}, random), words, random);
  if (random() % 8 != 0) text = sealed(text);
  return fuzz::give(text, data, max_size);
}
