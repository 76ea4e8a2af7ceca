#include "io/small_models.hpp"
#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/io/load.hpp>
#include <bora/io/save.hpp>
#include <cstddef>
#include <stdexcept>
#include <vector>

using io_test::Llama;

TEST_CASE("Loading reports the parameters read, and can be cancelled", "[io]") {
  const support::TemporaryFolder folder;
  bora::save(bora::Parameters<Llama>(), folder.path());
  constexpr std::size_t all = bora::parameter_count<Llama>;
  std::vector<std::size_t> seen;
  std::size_t most = all + 1;
  const auto report = [&](std::size_t done, std::size_t total) {
    CHECK(total == all);
    CHECK((seen.empty() || done > seen.back()));
    seen.push_back(done);
    return done < most;
  };
  bora::load<Llama, bora::Bf16>(folder.path(), {.progress = report});
  CHECK(seen.front() == 0);
  CHECK(seen.back() == all);
  CHECK(seen.size() > 10);

  seen.clear();
  bora::load_parameters<Llama>(folder.path(), {.progress = report});
  CHECK(seen.back() == all);

  seen.clear();
  most = 0;
  CHECK_THROWS_AS((bora::load<Llama, bora::F32>(folder.path(), {.progress = report})), bora::Cancelled);
  CHECK(seen == std::vector<std::size_t>{0});
  seen.clear();
  most = 200;
  CHECK_THROWS_AS((bora::load_parameters<Llama>(folder.path(), {.progress = report})), bora::Cancelled);
  const auto throws = [](std::size_t, std::size_t) -> bool { throw std::logic_error("the caller's own"); };
  CHECK_THROWS_AS((bora::load<Llama, bora::F32>(folder.path(), {.progress = throws})), std::logic_error);
}
