// Cases that are too large for the repository, of the same families in other shapes: a folder of one's own lends them.
#include "golden/compare.hpp"
#include "golden/routing.hpp"
#include "support/catch.hpp"
#include "support/reference.hpp"
#include "support/reference_specs.hpp"
#include <bora/io/load.hpp>
#include <bora/model/batch_forward.hpp>
#include <filesystem>
#include <string>

namespace {

template <class S, class F>
void check_forward(const std::string& name) {
  INFO(name << " in " << F::name);
  const std::filesystem::path folder = support::case_folder(name);
  const bora::SafeTensors expected(folder / "expected.safetensors");
  const bora::TokenBatch batch = expected.token_batch("input_ids");
  const auto model = bora::load<S, F>(folder);
  bora::detail::BatchForward<S, F> forward(bora::detail::shape_of(batch, {0, batch.batch()}), 1,
                                           bora::Keep::everything);
  forward.place(batch);
  forward.run(bora::Lane{}, model);
  golden::check_streams<S, F>(forward, expected);
}

}  // namespace

TEST_CASE("The residual streams of further cases are the expected ones, layer by layer", "[golden]") {
  if (!support::reference_folder()) return support::skip_without_reference("the residual streams of further cases");
  reference::for_each_further_case([]<class S>(const char* name) {
    check_forward<S, bora::F32>(name);
    check_forward<S, bora::F64>(name);
  });
}

TEST_CASE("Routing of a mixture with a sliding window is the expected one", "[golden]") {
  if (!support::reference_folder()) return support::skip_without_reference("the routing of a mixture with a window");
  golden::check_routing<reference::MixtralSwa, bora::F32>("mixtral-swa");
  golden::check_routing<reference::MixtralSwa, bora::F64>("mixtral-swa");
}
