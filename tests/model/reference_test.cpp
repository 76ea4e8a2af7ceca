// Every reference case's residual stream, after the embedding and after each block: it says where an error begins.
#include "support/catch.hpp"
#include "support/reference.hpp"
#include "support/reference_specs.hpp"
#include <bora/cache/key_value_cache.hpp>
#include <bora/io/load.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/model/forward.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace {

/// The largest difference between the streams of a forward in F and `expected` [layers + 1, rows, dim].
template <class S, class F>
double stream_error(const std::filesystem::path& folder, const bora::TokenBatch& batch,
                    const std::vector<float>& expected) {
  const auto model = bora::load<S, F>(folder);
  const std::size_t time = batch.time(), rows = batch.batch() * time;
  bora::KeyValueCache<F> cache(bora::LinearCache<F>(), bora::detail::cache_layers<S>(), {time, time, 0, batch.batch()});
  bora::detail::Forward<S, F> forward(rows, 1, bora::detail::Keep::everything);
  for (std::size_t b = 0; b < batch.batch(); ++b) cache.append(b, time);
  for (std::size_t r = 0; r < rows; ++r) {
    forward.places()[r] = {r / time, r % time};
    forward.tokens()[r] = batch.ids()[r];
  }
  forward.run(bora::Lane{}, model, cache, rows);
  double error = 0;
  std::size_t at = 0;
  for (std::size_t l = 0; l <= S::layers; ++l)
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < S::dim; ++c) {
        const double e =
            std::abs(static_cast<double>(forward.stream(l).row(r)[c]) - static_cast<double>(expected[at++]));
        if (!(e <= error)) error = e;
      }
  return error;
}

/// The numbers were computed in float64 and rounded to float32: F64 must agree to that rounding (values of up to ten),
/// F32 to ten times what float32 was seen to lose.
template <class S>
void check_case(const std::filesystem::path& cases, const char* name) {
  INFO(name);
  const std::filesystem::path folder = cases / name;
  const bora::SafeTensors file(folder / "expected.safetensors");
  const bora::TokenBatch batch = file.token_batch("input_ids");
  const std::vector<float> expected = file.read("hidden_states");
  REQUIRE(expected.size() == (S::layers + 1) * batch.ids().size() * S::dim);
  CHECK(stream_error<S, bora::F32>(folder, batch, expected) <= 5e-5);
  CHECK(stream_error<S, bora::F64>(folder, batch, expected) <= 1e-6);
}

}  // namespace

TEST_CASE("The residual stream of every reference case is the expected one, layer by layer", "[model]") {
  const auto folder = support::reference_folder();
  if (!folder) return support::skip_without_reference("the residual streams of the reference cases");
  check_case<reference::LlamaMha>(*folder, "llama-mha");
  check_case<reference::LlamaGqa>(*folder, "llama-gqa");
  check_case<reference::LlamaMqa>(*folder, "llama-mqa");
  check_case<reference::MistralSwa>(*folder, "mistral-swa");
  check_case<reference::Mixtral>(*folder, "mixtral");
  check_case<reference::MixtralSwa>(*folder, "mixtral-swa");
  check_case<reference::Olmo>(*folder, "olmo");
  check_case<reference::OlmoTiedClip>(*folder, "olmo-tied-clip");
  check_case<reference::Gpt2>(*folder, "gpt2");
  check_case<reference::Gpt2HubNames>(*folder, "gpt2-hub-names");
  check_case<reference::Falcon>(*folder, "falcon");
  check_case<reference::MptAlibi>(*folder, "mpt-alibi");
  check_case<reference::Neox>(*folder, "neox");
  check_case<bora::Stories260K>(*folder, "stories260k");
}
