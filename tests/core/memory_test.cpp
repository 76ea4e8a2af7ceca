#include "support/catch.hpp"
#include "support/checks.hpp"
#include <bora/core/memory.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using bora::Buffer;

namespace {

template <class T>
bool all_zero(const Buffer<T>& buffer) {
  return std::all_of(buffer.begin(), buffer.end(), [](T x) { return x == 0; });
}
template <class T>
bool aligned(const Buffer<T>& buffer, std::size_t to) {
  return reinterpret_cast<std::uintptr_t>(buffer.data()) % to == 0;
}

}  // namespace

TEMPLATE_TEST_CASE("A buffer is zeroed and aligned at any size", "[core]", std::int8_t, float, double) {
  for (std::size_t size = 1; size <= 300; ++size) {
    Buffer<TestType> buffer(size);
    CHECK(buffer.size() == size);
    CHECK(buffer.bytes() == size * sizeof(TestType));
    CHECK(aligned(buffer, bora::alignment));
    CHECK(all_zero(buffer));
    std::fill(buffer.begin(), buffer.end(), TestType(1));  // dirties what the next one may get
  }
}

TEST_CASE("A large buffer is zeroed and begins on a huge page", "[core]") {
  for (int i = 0; i < 2; ++i) {
    Buffer<float> buffer((std::size_t{8} << 20) / sizeof(float) + 3);
    CHECK(aligned(buffer, std::size_t{2} << 20));
    CHECK(all_zero(buffer));
    std::fill(buffer.begin(), buffer.end(), 1.0f);
  }
}

TEST_CASE("An empty buffer has no memory", "[core]") {
  CHECK(Buffer<float>().data() == nullptr);
  CHECK(Buffer<float>(0).data() == nullptr);
  CHECK(Buffer<float>(0).span().empty());
}

TEST_CASE("A moved buffer leaves an empty one behind", "[core]") {
  Buffer<float> first(5);
  first[3] = 7;
  const float* memory = first.data();

  Buffer<float> second(std::move(first));
  CHECK(second.data() == memory);
  CHECK(second.size() == 5);
  CHECK(second[3] == 7);
  CHECK(first.data() == nullptr);  // NOLINT: what is promised of the source
  CHECK(first.size() == 0);

  Buffer<float> third(2);
  third = std::move(second);
  CHECK(third.data() == memory);
  CHECK(third.span().size() == 5);
  CHECK(second.data() == nullptr);  // NOLINT
  CHECK(second.span().empty());
}

TEST_CASE("Memory that does not exist is refused by what it was for", "[core]") {
  constexpr std::size_t quarter = std::numeric_limits<std::size_t>::max() / 4;
  CHECK(support::refusal<bora::MemoryError>([] { Buffer<std::int8_t>(quarter, "a tail"); }) ==
        "there is no memory for a tail: " + std::to_string(quarter) + " bytes were asked for");
  CHECK(support::refusal<bora::MemoryError>([] { Buffer<double>(quarter, "tails"); }) ==
        "there is no memory for tails: " + std::to_string(quarter) + " numbers were asked for");
}

TEST_CASE("round_up goes to the next multiple", "[core]") {
  CHECK(bora::round_up(0, 16) == 0);
  CHECK(bora::round_up(1, 16) == 16);
  CHECK(bora::round_up(16, 16) == 16);
  CHECK(bora::round_up(17, 16) == 32);
  CHECK(bora::round_up(7, 1) == 7);
}

#if defined(__linux__)
namespace {

/// Pages of this process that are in memory.
std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("Memory that is not written to is not taken", "[core]") {
  constexpr std::size_t size = std::size_t{1} << 30;
  const std::size_t before = resident_bytes();
  Buffer<std::byte> buffer(size, "a tail", bora::Use::as_it_grows);
  buffer.allow_huge_pages(size / 2, size);
  buffer[0] = buffer[size / 2] = buffer[size - 1] = std::byte{1};
  CHECK(resident_bytes() < before + (std::size_t{32} << 20));
}

TEST_CASE("A buffer that grew to its end takes its bytes, not a huge page more", "[core]") {
  std::string modes;
  std::getline(std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"), modes);
  if (modes.find("[always]") != std::string::npos) return;  // the system gives huge pages to whoever did not ask, too
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  return;  // which keeps several bytes for each
#endif
#endif
  constexpr std::size_t size = (std::size_t{4} << 20) + 4096, buffers = 16;
  const std::size_t before = resident_bytes();
  std::vector<Buffer<std::byte>> all;
  for (std::size_t i = 0; i < buffers; ++i) {
    all.emplace_back(size, "a tail", bora::Use::as_it_grows).allow_huge_pages(size / 2, size);
    std::fill(all.back().begin(), all.back().end(), std::byte{1});
  }
  CHECK(resident_bytes() < before + buffers * size + (std::size_t{8} << 20));
}
#endif
