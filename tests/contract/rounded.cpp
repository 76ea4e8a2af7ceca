// What weights and keys in bfloat16 give, for comparing two builds: logits, gradients, and what sessions say. Compiled
// and run as the programs beside the reference cases are: -DSPEC_HEADER='"…"' -DSPEC=name, rounded FOLDER
// OUT.safetensors
#include SPEC_HEADER
#include <cstdio>
#include <filesystem>
#include <span>
#include <vector>

namespace {

template <class Cache, class Model>
std::vector<float> said(const Model& model, std::span<const bora::TokenId> tokens) {
  bora::Session<Model, Cache> session{model};
  const auto logits = session.prefill(tokens, {.chunk = 7});
  return {logits.begin(), logits.end()};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: %s FOLDER OUT.safetensors\n", argv[0]), 2;
  const std::filesystem::path folder = argv[1];
  const auto model = bora::load<SPEC, bora::Bf16>(folder);
  const bora::TokenBatch batch = bora::SafeTensors{folder / "expected.safetensors"}.token_batch("input_ids");
  auto [loss, gradients] = bora::loss_and_gradients(model, batch);

  bora::SafeTensorsWriter out;
  out.add("logits", bora::logits(model, batch));
  out.add("loss", loss);
  out.add("grad.", gradients);
  out.add("bf16_keys", said<bora::PagedCache<16, bora::Bf16>>(model, batch.row(0)));
  out.add("q8_keys", said<bora::LinearCache<bora::Q8>>(model, batch.row(0)));
  out.write(argv[2]);
}
