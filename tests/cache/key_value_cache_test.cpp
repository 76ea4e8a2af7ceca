#include "support/catch.hpp"
#include "support/checks.hpp"
#include <bora/cache/key_value_cache.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

namespace {

using bora::CacheLayer;
using bora::CacheShape;
using bora::KeyValueCache;

const std::vector<CacheLayer> whole = {{.kv_heads = 2, .head_dim = 5, .window = 0}};
const std::vector<CacheLayer> windows = {{.kv_heads = 1, .head_dim = 4, .window = 5},
                                         {.kv_heads = 2, .head_dim = 3, .window = 20}};
const std::vector<CacheLayer> both = {{.kv_heads = 1, .head_dim = 4, .window = 5},
                                      {.kv_heads = 1, .head_dim = 4, .window = 0}};

/// A number that says whose key or value this is.
float mark(std::size_t text, std::size_t position, std::size_t head) {
  return static_cast<float>((text * 1'000 + position) * 4 + head + 1);
}

template <class E>
void write(KeyValueCache<E>& cache, std::size_t sequence, std::size_t text, std::size_t first, std::size_t last) {
  for (std::size_t l = 0; l < cache.layer_count(); ++l)
    for (std::size_t h = 0; h < cache.layer_facts(l).kv_heads; ++h)
      for (std::size_t p = first; p < last; ++p) {
        const std::vector<float> key(cache.layer_facts(l).head_dim, mark(text, p, h));
        const std::vector<float> value(cache.layer_facts(l).head_dim, -mark(text, p, h));
        bora::simd::store_key_value(cache.layer(l)[sequence], p, h, key.data(), value.data());
      }
}
template <class E>
void append(KeyValueCache<E>& cache, std::size_t sequence, std::size_t text, std::size_t count) {
  const std::size_t first = cache.length(sequence);
  cache.append(sequence, count);
  write(cache, sequence, text, first, first + count);
}

/// Whether layer l holds the keys and values of `text` at positions first .. last - 1 of a sequence.
bool holds(const KeyValueCache<bora::F32>& cache, std::size_t l, std::size_t sequence, std::size_t text,
           std::size_t first, std::size_t last) {
  const CacheLayer& facts = cache.layer_facts(l);
  for (std::size_t h = 0; h < facts.kv_heads; ++h)
    for (std::size_t p = first; p < last; ++p) {
      const auto run = cache.layer(l)[sequence].run(p / 16, h);
      for (std::size_t c = 0; c < facts.head_dim; ++c) {
        if (run.keys()[c * 16 + p % 16] != mark(text, p, h)) return false;
        if (run.values()[p % 16 * facts.head_dim + c] != -mark(text, p, h)) return false;
      }
    }
  return true;
}
bool holds(const KeyValueCache<bora::F32>& cache, std::size_t sequence, std::size_t text, std::size_t first,
           std::size_t last) {
  for (std::size_t l = 0; l < cache.layer_count(); ++l)
    if (!holds(cache, l, sequence, text, first, last)) return false;
  return true;
}

constexpr CacheShape shape{.capacity = 100, .chunk = 8, .rewind = 10, .sequences = 3};
using Linear = bora::LinearCache<bora::F32>;
using Rolling = bora::RollingCache<bora::F32>;
using Paged = bora::PagedCache<32, bora::F32>;
using ByWindow = bora::DefaultCache<void, bora::F32>;

}  // namespace

TEST_CASE("A cache takes the bytes of its runs", "[cache]") {
  // A head's run: keys [n, 16], values [16, n], the last of them a whole block; its bytes are whole lines.
  const auto numbers = [](std::size_t n) { return n * 16 + 15 * n + 16; };
  const auto bytes = [&](std::size_t n, std::size_t element) { return bora::round_up(numbers(n) * element, 64); };
  const std::size_t run = 2 * bytes(5, 4);
  CHECK(KeyValueCache<bora::F32>(Linear(), whole, shape).bytes() == 3 * 7 * run);  // 100 positions: 7 runs
  CHECK(KeyValueCache<bora::F32>(Paged(), whole, shape).bytes() == 3 * 8 * run);   // 4 pages of 2 runs
  const std::size_t narrow = bytes(4, 4), wide = 2 * bytes(3, 4);
  CHECK(KeyValueCache<bora::F32>(Rolling(), windows, shape).bytes() ==
        3 * (bora::ring_runs(5, 8, 10) * narrow + bora::ring_runs(20, 8, 10) * wide));
  CHECK(KeyValueCache<bora::F32>(ByWindow(), both, shape).bytes() ==
        3 * (bora::ring_runs(5, 8, 10) * narrow + 7 * narrow));
  CHECK(KeyValueCache<bora::Bf16>(bora::LinearCache<bora::Bf16>(), whole, shape).bytes() == 3 * 7 * 2 * bytes(5, 2));
  CHECK(KeyValueCache<bora::Q8>(bora::LinearCache<bora::Q8>(), whole, shape).bytes() ==
        3 * 7 * 2 * bora::round_up(bora::round_up(numbers(5), 4) + 2 * 16 * 4, 64));  // and two scales a slot
}

TEST_CASE("Only rings alone are endless", "[cache]") {
  CHECK(KeyValueCache<bora::F32>(Rolling(), windows, shape).endless());
  CHECK(KeyValueCache<bora::F32>(ByWindow(), windows, shape).endless());
  CHECK_FALSE(KeyValueCache<bora::F32>(ByWindow(), both, shape).endless());
  CHECK_FALSE(KeyValueCache<bora::F32>(Linear(), windows, shape).endless());
  CHECK_FALSE(KeyValueCache<bora::F32>(Paged(), windows, shape).endless());
}

TEST_CASE("Sequences and layers do not share memory", "[cache]") {
  const auto check = [](auto policy) {
    KeyValueCache<bora::F32> cache(policy, both, shape);
    for (std::size_t s : {1, 0, 2}) append(cache, s, s, 100);
    for (std::size_t s = 0; s < 3; ++s) CHECK(holds(cache, 1, s, s, 0, 100));
    std::set<const std::byte*> places;
    for (std::size_t l = 0; l < 2; ++l)
      for (std::size_t s = 0; s < 3; ++s) places.insert(cache.run(l, s, 0));
    CHECK(places.size() == 6);
    for (const std::byte* place : places) CHECK(reinterpret_cast<std::uintptr_t>(place) % bora::alignment == 0);
  };
  check(Linear());
  check(Paged());
  check(ByWindow());
}

TEST_CASE("A ring holds what is seen, at every length", "[cache]") {
  KeyValueCache<bora::F32> cache(Rolling(), windows, shape);
  for (std::size_t length = 0; length < 1'000;) {
    const std::size_t n = 1 + length % shape.chunk;
    append(cache, 1, 7, n);
    for (std::size_t l = 0; l < 2; ++l) {  // the first row of the chunk sees the most
      const std::size_t window = cache.layer_facts(l).window;
      CHECK(holds(cache, l, 1, 7, length < window ? 0 : length + 1 - window, length + n));
    }
    length += n;
    CHECK(cache.length(1) == length);
    CHECK(cache.first_held_run(1, 1) <= cache.first_needed_run(1, length));
  }
}

TEST_CASE("What is needed to go on begins with the oldest key that the next token sees", "[cache]") {
  const KeyValueCache<bora::F32> cache(ByWindow(), both, shape);
  for (std::size_t length = 0; length < 100; ++length) {
    CHECK(cache.first_needed_run(0, length) == (length < 4 ? 0 : (length - 4) / 16));
    CHECK(cache.first_needed_run(1, length) == 0);
  }
}

TEST_CASE("A ring takes back what it promised, and refuses what it has overwritten", "[cache]") {
  for (std::size_t length = 1; length < 300; ++length) {
    KeyValueCache<bora::F32> cache(Rolling(), windows, shape);
    append(cache, 0, 1, length);
    const std::size_t back = length < shape.rewind ? 0 : length - shape.rewind;
    CHECK_NOTHROW(cache.rewind(0, back));
    for (std::size_t l = 0; l < 2 && back > 0; ++l) {
      const std::size_t window = cache.layer_facts(l).window;
      CHECK(holds(cache, l, 0, 1, back < window ? 0 : back + 1 - window, back));
    }
  }
  KeyValueCache<bora::F32> cache(Rolling(), windows, shape);
  append(cache, 0, 1, 200);
  CHECK(
      support::refusal<bora::CapacityError>([&] { cache.rewind(0, 100); }) ==
      "rewind: sequence 0 cannot be taken back from 200 to 100 tokens: the ring of a window of 5 has overwritten what "
      "is seen from there; this session was made with rewind 10");
  CHECK(cache.length(0) == 200);
  cache.rewind(0, 190);
  CHECK(support::refusal<bora::CapacityError>([&] { cache.rewind(0, 150); }) !=
        "accepted");  // it has been 200 long, and 190 is no excuse
  append(cache, 0, 2, 1);
  CHECK(support::refusal<bora::CapacityError>([&] { cache.rewind(0, 179); }) != "accepted");  // nor is 191
  CHECK(cache.length(0) == 191);
  cache.rewind(0, 0);  // nothing is seen from there
  CHECK(cache.length(0) == 0);
}

TEST_CASE("Nothing can be taken back to more than there is", "[cache]") {
  KeyValueCache<bora::F32> cache(Linear(), whole, shape);
  append(cache, 2, 1, 20);
  CHECK(support::refusal<bora::CapacityError>([&] { cache.rewind(2, 21); }) ==
        "rewind: sequence 2 holds 20 tokens, and cannot be taken back to 21");
  cache.rewind(2, 20);
  CHECK(cache.length(2) == 20);
}

TEST_CASE("A fork continues alone", "[cache]") {
  const auto check = [](auto policy, std::size_t first_seen) {
    KeyValueCache<bora::F32> cache(policy, both, shape);
    append(cache, 0, 1, 50);
    append(cache, 1, 2, 70);  // is forgotten
    cache.fork(0, 1);
    cache.fork(0, 0);
    CHECK(cache.length(1) == 50);
    for (std::size_t s : {0, 1}) CHECK(holds(cache, s, 1, first_seen, 50));
    append(cache, 1, 3, 30);
    append(cache, 0, 4, 30);
    for (std::size_t s : {0, 1}) {
      CHECK(holds(cache, 1, s, 1, 0, 50));
      CHECK(holds(cache, s, s == 0 ? 4 : 3, 60, 80));
    }
  };
  check(Linear(), 0);
  check(Paged(), 0);
  check(bora::PagedCache<16, bora::F32>(), 0);
  check(ByWindow(), 46);
}

TEST_CASE("Pages are shared until one side writes, and there is always one left", "[cache]") {
  KeyValueCache<bora::F32> cache(Paged(), whole, shape);
  append(cache, 0, 1, 40);
  cache.fork(0, 1);
  cache.fork(1, 2);
  CHECK(cache.run(0, 1, 0) == cache.run(0, 0, 0));
  CHECK(cache.run(0, 2, 2) == cache.run(0, 0, 2));
  append(cache, 1, 2, 1);
  CHECK(cache.run(0, 1, 0) == cache.run(0, 0, 0));  // the first page is not written to
  CHECK(cache.run(0, 1, 2) != cache.run(0, 0, 2));
  append(cache, 0, 3, 60);
  append(cache, 2, 4, 60);
  append(cache, 1, 2, 59);  // all full
  for (std::size_t s : {0, 1, 2}) CHECK(holds(cache, s, 1, 0, 40));
  CHECK(holds(cache, 0, 3, 40, 100));
  CHECK(holds(cache, 1, 2, 40, 100));
  CHECK(holds(cache, 2, 4, 40, 100));

  for (std::size_t round = 0; round < 200; ++round) {  // whatever is forked, taken back and filled again
    const std::size_t from = round % 3, to = (round / 3) % 3;
    cache.fork(from, to);
    cache.rewind(to, (round * 37) % 101);
    append(cache, to, round, 100 - cache.length(to));
    CHECK(holds(cache, to, round, (round * 37) % 101, 100));
  }
}

TEST_CASE("What was adopted is held from its first run on", "[cache]") {
  SECTION("in a ring") {
    KeyValueCache<bora::F32> cache(Rolling(), windows, shape);
    append(cache, 1, 1, 333);
    cache.adopt(1, 200, std::vector<std::size_t>{10, 11});
    CHECK(cache.length(1) == 200);
    for (std::size_t l = 0; l < 2; ++l) {
      CHECK(cache.first_held_run(l, 1) >= 10 + l);
      CHECK(cache.first_held_run(l, 1) <= cache.first_needed_run(l, 200));
    }
    CHECK(support::refusal<bora::CapacityError>([&] { cache.rewind(1, 194); }) ==
          "rewind: sequence 1 cannot be taken back to 194 tokens: it was restored from a ring, and holds what is seen "
          "from 195 tokens on");
    CHECK_NOTHROW(cache.rewind(1, 195));  // sees 176 .. 194: run 11 on
  }
  SECTION("in a cache that keeps everything") {
    KeyValueCache<bora::F32> cache(Paged(), both, shape);
    append(cache, 0, 1, 100);
    cache.fork(0, 1);
    cache.adopt(1, 60, std::vector<std::size_t>{3, 0});
    write(cache, 1, 2, 48, 60);
    CHECK(holds(cache, 0, 1, 0, 100));
    cache.fork(1, 2);  // knows as much and as little
    CHECK(support::refusal<bora::CapacityError>([&] { cache.rewind(2, 51); }) != "accepted");
    CHECK_NOTHROW(cache.rewind(2, 52));
    CHECK(cache.first_held_run(1, 1) == 0);
    CHECK_NOTHROW(cache.rewind(1, 0));
    append(cache, 1, 3, 20);
    CHECK_NOTHROW(cache.rewind(1, 1));  // what was restored is gone
  }
  SECTION("whole") {
    KeyValueCache<bora::F32> cache(Linear(), both, shape);
    cache.adopt(0, 60, std::vector<std::size_t>{0, 0});
    CHECK_NOTHROW(cache.rewind(0, 1));
  }
}

TEST_CASE("A cache that fits no memory is refused", "[cache]") {
  const std::size_t huge = std::numeric_limits<std::size_t>::max() / 64;
  CHECK_THROWS_AS(KeyValueCache<bora::F32>(Linear(), whole, CacheShape{huge, 1, 0, 4}), bora::ConfigError);
}
