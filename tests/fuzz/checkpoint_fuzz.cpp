// A file of a training run's checkpoint: refused, and the trainer is as it was; or the run goes on and can be saved.
// The first byte says which file the others are: s state.json, m moments.safetensors, h history.json; p is a patch of
// the state (RFC 7396), so that what is kept outlives changes of everything else in it.
#include "fuzz/safetensors_mutation.hpp"
#include <bora/train/checkpoint.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
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
using Parameters = bora::Parameters<Spec>;

/// A trainer that has come somewhere, and is brought back there.
struct Run {
  Model model = bora::random_model<Spec, bora::F32>(1);
  bora::Trainer<Model> trainer{model};

  explicit Run(std::uint64_t seed) { reset(seed); }
  void reset(std::uint64_t seed) { trainer.restore(seed, numbers(seed), numbers(seed + 1), squares(seed + 2)); }
  static Parameters numbers(std::uint64_t seed) { return bora::random_model<Spec, bora::F32>(seed).parameters(); }
  static Parameters squares(std::uint64_t seed) {
    Parameters p = numbers(seed);
    for (float& value : p.values()) value *= value;
    return p;
  }
  bool is_at(std::uint64_t seed) const {
    const auto same = [](const Parameters& a, const Parameters& b) {
      return std::ranges::equal(a.values(), b.values());
    };
    return trainer.steps() == seed && same(trainer.parameters(), numbers(seed)) &&
           same(trainer.first_moments(), numbers(seed + 1)) && same(trainer.second_moments(), squares(seed + 2)) &&
           same(model.parameters(), numbers(seed));
  }
};

std::filesystem::path runs() { return fuzz::folder() / "runs"; }

/// The files that are mutated, as a save wrote them.
struct Good {
  std::string state, moments, history;
};
const Good& good() {
  static const Good files = [] {
    bora::TrainingState run;
    run.history.training = {{1, 1.5}, {2, 1.25}};
    run.history.held_out = {{2, 1.75}};
    run.best = bora::LossPoint{2, 1.75};
    bora::save_checkpoint(runs(), Run(2).trainer, run);
    const auto file = [](const char* name) { return fuzz::bytes_of(runs() / "last" / name); };
    return Good{file("state.json"), file("moments.safetensors"), file("history.json")};
  }();
  return files;
}

/// With the checksum that belongs to the state.
std::string sealed(bora::Json all) {
  all["checksum"] = bora::detail::hex(bora::detail::text_checksum(all["state"].dump()));
  return all.dump();
}
std::string sealed_text(const std::string& text) {
  try {
    bora::Json all = bora::parse_json(text, "state.json");
    return all.is_object() && all.contains("state") ? sealed(std::move(all)) : text;
  } catch (const bora::Error&) {
    return text;
  }
}
bora::Json good_state() { return bora::parse_json(good().state, "state.json"); }

/// The state that names `bytes` as the contents of a file.
std::string state_with(const char* name, std::string_view bytes) {
  bora::Json all = good_state();
  all["state"]["files"][name] = {{"bytes", bytes.size()},
                                 {"checksum", bora::detail::hex(bora::detail::text_checksum(bytes))}};
  return sealed(std::move(all));
}
std::string patched_state(std::string_view patch) {
  bora::Json all = good_state();
  fuzz::survives([&] { all["state"].merge_patch(bora::parse_json(patch, "patch.json")); });
  return sealed(std::move(all));
}

void write_checkpoint(char kind, std::string_view rest) {
  const auto write = [](const char* name, std::string_view bytes) {
    fuzz::folder().file(std::string("runs/last/") + name, bytes);
  };
  write("moments.safetensors", kind == 'm' ? rest : good().moments);
  write("history.json", kind == 'h' ? rest : good().history);
  if (kind == 'm') return write("state.json", state_with("moments.safetensors", rest));
  if (kind == 'h') return write("state.json", state_with("history.json", rest));
  write("state.json", kind == 'p' ? patched_state(rest) : std::string(rest));
}

bora::TokenMixture mixture() {
  bora::TokenFileWriter file(fuzz::folder() / "x.tokens", Spec::vocab_size);
  for (int i = 0; i < 9; ++i) file.append(std::vector<bora::TokenId>{0, 1, 2, 3, 4});
  file.commit();
  return bora::TokenMixture({.sources = {{fuzz::folder() / "x.tokens"}}, .batch = 2, .time = 4});
}

/// What was accepted can be stepped on, from its place in any data, and saved.
void go_on(Run& run, bora::TrainingState& state) {
  static bora::TokenMixture data = mixture();
  fuzz::survives([&] { data.restore({state.data.batches, data.state().fingerprint}); });
  fuzz::survives([&] { run.trainer.step(data.next()); });
  bora::LossHistory::append(state.history.training, {run.trainer.steps(), 1});
  fuzz::survives([&] { bora::save_checkpoint(fuzz::folder() / "again", run.trainer, state); });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t before = 40;
  static Run run(before);
  const std::string_view text = fuzz::text_of(data, size);
  write_checkpoint(text.empty() ? 's' : text.front(), text.substr(std::min<std::size_t>(size, 1)));
  bora::TrainingState state;
  if (!fuzz::survives([&] { state = bora::restore_checkpoint(runs(), run.trainer); })) {
    fuzz::require(run.is_at(before), "a refused checkpoint changes nothing");
    return 0;
  }
  go_on(run, state);
  run.reset(before);
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> words = {"state",   "files",    "best",        "checkpoint", "step",
                                                 "data",    "options",  "bytes",       "checksum",   "version",
                                                 "batches", "builds",   "config.json", "state.json", "lock",
                                                 "..",      "held_out", "training",    "null",       "step-000000000"},
                                        names =
                                            fuzz::header_words({"first.model.norm.weight", "second.lm_head.weight"});
  static const std::vector<std::string> all = {"s" + good().state, "m" + good().moments, "h" + good().history};
  fuzz::Random random(seed);
  std::string bytes = fuzz::base_of(data, size, all, random), rest = bytes.substr(1);
  switch (bytes.front()) {
    case 'm':
      rest = fuzz::mutated_safetensors(std::move(rest), names, random);
      break;
    case 's':
      rest = fuzz::mutated_json(std::move(rest), words, random);
      if (random() % 8 != 0) rest = sealed_text(rest);
      break;
    default:
      rest = fuzz::mutated_json(std::move(rest), words, random);
  }
  return fuzz::give(bytes.front() + rest, data, max_size);
}
