// A session allocates everything when it is made. This file replaces the allocation functions of its whole test program
// by ones that count while they are asked to.
#include "infer/tiny.hpp"
#include "support/replaced_new.hpp"
#include <bora/core/executor.hpp>
#include <bora/infer/generate.hpp>
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <vector>

namespace {

std::atomic<bool> counting{false};
std::atomic<std::size_t> allocations{0};

}  // namespace

#if defined(BORA_TEST_REPLACES_NEW)

void* support::allocate_or_null(std::size_t bytes, std::size_t alignment) noexcept {
  if (counting) ++allocations;
  void* block = nullptr;
  const std::size_t least = std::max<std::size_t>(alignment, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  return ::posix_memalign(&block, least, std::max<std::size_t>(bytes, 1)) == 0 ? block : nullptr;
}
void support::release(void* block) noexcept { std::free(block); }

#if defined(__GLIBC__)
// The library's buffers ask for this one.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return support::allocate_or_null(bytes, alignment);
}
#endif

#endif  // BORA_TEST_REPLACES_NEW

namespace {

using bora::BatchToken;
using tiny::Tokens;

template <class Action>
std::size_t allocations_of(Action action) {
  allocations = 0;
  counting = true;
  action();
  counting = false;
  return allocations;
}

/// Everything a running session does, counted.
template <class Cache, class Model>
std::size_t counted(const Model& model, bora::Executor* pool = nullptr) {
  bora::BatchSession<Model, Cache> session{model,
                                           {.capacity = 120, .chunk = 7, .rewind = 8, .sequences = 4, .pool = pool}};
  const Tokens tokens = tiny::text(1, 50), one_each = tiny::text(2, 4);
  const std::vector<BatchToken> some = {{2, 3}, {0, 4}}, others = {{3, 1}, {1, 2}, {2, 6}}, one = {{1, 7}};
  return allocations_of([&] {
    for (std::size_t s = 0; s < 4; ++s) session.prefill(s, std::span(tokens).first(30 + s));
    for (int i = 0; i < 5; ++i) session.step(one_each);
    for (const auto* subset : {&some, &one, &others, &some}) session.step(*subset);
    session.rewind(0, session.length(0) - 5);
    session.fork(0, 3);
    session.reset(1);
    session.fork(0, 1);
    session.step(others);
    for (int i = 0; i < 20; ++i) session.step(one_each);  // pages that are shared are copied, new ones are taken
    session.prefill(2, tokens, {.chunk = 5});
  });
}

/// Tokens drawn and read, and what was allocated meanwhile.
struct Text {
  std::size_t tokens, allocations;
};
/// A text of 40 tokens from a prompt longer than a chunk. Making the range allocates: it copies prompt and options, and
/// the sampler makes room for a vocabulary.
Text generated(const bora::GenerateOptions& options, bora::Executor* pool = nullptr) {
  bora::Session session{tiny::model<tiny::Experts>(), {.chunk = 7, .pool = pool}};
  auto generation = bora::generate(session, tiny::text(1, 20), options);
  Text text{0, 0};
  text.allocations = allocations_of([&] {
    for ([[maybe_unused]] const bora::TokenId token : generation) ++text.tokens;
  });
  return text;
}

}  // namespace

#if defined(BORA_TEST_REPLACES_NEW)
TEST_CASE("Allocations are counted", "[infer]") {
  // Calls by name: a new-expression may be optimised away.
  const auto allocate = []() noexcept { ::operator delete(::operator new(sizeof(int))); };
  CHECK(allocations_of(allocate) == 1);
  CHECK(allocations_of([] { bora::Buffer<float> buffer(100); }) == 1);
  CHECK(allocations_of([] { std::vector<double> numbers(100); }) == 1);
  CHECK(allocations_of([] {}) == 0);
  bora::ThreadPool pool(2);
  CHECK(allocations_of([&] { pool.run([&](std::size_t) noexcept { allocate(); }); }) == 2);
}
#endif

TEST_CASE("A step allocates nothing", "[infer][threads]") {
  using tiny::model;
  using Whole = tiny::Masked<bora::Causal>;
  using Window = tiny::Masked<bora::SlidingWindow<17>>;
  using Linear = bora::LinearCache<bora::F32>;
  using Rolling = bora::RollingCache<bora::F32>;
  using Paged = bora::PagedCache<16, bora::F32>;
  CHECK(counted<Linear>(model<Whole>()) == 0);
  CHECK(counted<Rolling>(model<Window>()) == 0);
  CHECK(counted<Paged>(model<Whole>()) == 0);
  CHECK(counted<bora::LinearCache<bora::Q8>>(model<Whole>()) == 0);
  CHECK(counted<Rolling>(model<tiny::Experts>()) == 0);
  CHECK(counted<bora::RollingCache<bora::Bf16>>(model<tiny::Experts, bora::Bf16>()) == 0);
  CHECK(counted<Linear>(model<tiny::WithAlibi>()) == 0);
  CHECK(counted<Paged>(model<tiny::WithT5Bias>()) == 0);
  CHECK(counted<bora::DefaultCache<tiny::Alternating, bora::F32>>(model<tiny::Alternating>()) == 0);
  CHECK(counted<bora::PagedCache<16, bora::Q8>>(model<Whole>()) == 0);
  CHECK(counted<bora::PagedCache<32, bora::Bf16>>(model<tiny::Experts, bora::Bf16>()) == 0);

  bora::ThreadPool pool(2);
  CHECK(counted<Paged>(model<Whole>(), &pool) == 0);
  CHECK(counted<Rolling>(model<tiny::Experts>(), &pool) == 0);
  CHECK(counted<Paged>(model<tiny::WithT5Bias>(), &pool) == 0);
}

TEST_CASE("A text is drawn without allocating, whatever filters its sampler has", "[infer][threads]") {
  bora::ThreadPool pool(2);
  const std::vector<bora::GenerateOptions> all = {
      {.temperature = 0, .max_tokens = 40},
      {.max_tokens = 40},
      {.temperature = 0.8, .top_k = 20, .top_p = 0.9, .min_p = 0.05, .max_tokens = 40, .stop = {77, 78}},
      {.temperature = 2, .top_k = 1'000, .top_p = 0.999, .max_tokens = 40}};
  for (const bora::GenerateOptions& options : all)
    for (bora::Executor* lent : {static_cast<bora::Executor*>(nullptr), static_cast<bora::Executor*>(&pool)}) {
      const Text text = generated(options, lent);
      CHECK(text.tokens == 40);
      CHECK(text.allocations == 0);
    }
}
