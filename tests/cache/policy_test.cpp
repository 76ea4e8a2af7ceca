#include "support/catch.hpp"
#include <bora/cache/key_value_cache.hpp>
#include <cstddef>

using bora::CacheKind;

namespace {
struct AnySpec;
struct NoPolicy {};
}  // namespace

TEST_CASE("A policy says per layer where keys are kept", "[cache]") {
  CHECK(bora::LinearCache<bora::F32>::kind(0) == CacheKind::linear);
  CHECK(bora::LinearCache<bora::F32>::kind(8) == CacheKind::linear);
  CHECK(bora::RollingCache<bora::F32>::kind(8) == CacheKind::rolling);
  CHECK(bora::PagedCache<16, bora::F32>::kind(0) == CacheKind::paged);
  CHECK(bora::PagedCache<16, bora::F32>::kind(8) == CacheKind::paged);
  CHECK(bora::DefaultCache<AnySpec, bora::F32>::kind(0) == CacheKind::linear);
  CHECK(bora::DefaultCache<AnySpec, bora::F32>::kind(8) == CacheKind::rolling);
}

TEST_CASE("Policies are told apart from other types", "[cache]") {
  STATIC_REQUIRE(bora::CachePolicy<bora::LinearCache<bora::Q8>>);
  STATIC_REQUIRE(bora::CachePolicy<bora::RollingCache<bora::Bf16>>);
  STATIC_REQUIRE(bora::CachePolicy<bora::PagedCache<32, bora::F64>>);
  STATIC_REQUIRE(bora::CachePolicy<bora::DefaultCache<AnySpec, bora::F32>>);
  STATIC_REQUIRE_FALSE(bora::CachePolicy<NoPolicy>);
  STATIC_REQUIRE_FALSE(bora::CacheFormat<float>);
}

TEST_CASE("A ring holds what the window, the chunk and the rewind need, in whole runs, and one run more", "[cache]") {
  STATIC_REQUIRE(bora::ring_runs(1, 1, 0) == 2);
  STATIC_REQUIRE(bora::ring_runs(1, 16, 0) == 2);
  STATIC_REQUIRE(bora::ring_runs(1, 17, 0) == 3);
  STATIC_REQUIRE(bora::ring_runs(17, 1, 16) == 3);
  STATIC_REQUIRE(bora::ring_runs(4096, 512, 0) == 289);  // Mistral: 4624 of 8192 positions
  for (std::size_t window = 1; window < 40; ++window)
    for (std::size_t chunk = 1; chunk < 40; ++chunk)
      for (std::size_t rewind = 0; rewind < 40; rewind += 13) {
        const std::size_t runs = bora::ring_runs(window, chunk, rewind), most = chunk > rewind ? chunk : rewind;
        bool enough = true;
        for (std::size_t length = 0; length < 100; ++length) {  // the runs that the first row of a chunk still sees
          const std::size_t oldest = length < window ? 0 : length + 1 - window, newest = length + most - 1;
          enough = enough && newest / 16 - oldest / 16 < runs;
        }
        CHECK(enough);
        CHECK((runs - 2) * 16 < window - 1 + most);  // and no more than that
      }
}
