// Every allocation fails once, at every place. This file replaces the allocation functions of its whole test program by
// ones that count, and that fail when they are told to.
#include "robust/trained.hpp"
#include "support/checks.hpp"
#include "support/replaced_new.hpp"
#include <bora/text/llama2c_tokenizer.hpp>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>

#if defined(__GLIBC__) && defined(BORA_TEST_REPLACES_NEW)

namespace {

std::atomic<long> countdown{-1};       ///< allocations until one fails; below 0: none does
std::atomic<long> living{0};           ///< blocks that are not freed
std::atomic<std::size_t> smallest{0};  ///< bytes of a block that is counted down for

bool fails_now(std::size_t bytes) noexcept { return bytes >= smallest && countdown >= 0 && countdown-- == 0; }

}  // namespace

void* support::allocate_or_null(std::size_t bytes, std::size_t alignment) noexcept {
  if (fails_now(bytes)) return nullptr;
  void* block = nullptr;
  const std::size_t least = std::max<std::size_t>(alignment, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  if (::posix_memalign(&block, least, std::max<std::size_t>(bytes, 1)) != 0) return nullptr;
  ++living;
  return block;
}
void support::release(void* block) noexcept {
  if (block != nullptr) --living;
  std::free(block);
}

// The library's buffers ask for this one and give back to free(): these blocks are not counted, and leak checkers see
// them.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  void* block = nullptr;
  return !fails_now(bytes) && ::posix_memalign(&block, alignment, bytes) == 0 ? block : nullptr;
}

namespace {

using namespace robust;

/// Runs `action` with its first, second, … allocation failing until none fails any more: it must end in
/// an error of the library, or in std::bad_alloc where the block was one of the standard library's, and leave no block
/// behind. Answers how many allocations there were.
///
/// nlohmann's destructor of JSON objects allocates, some bytes for each value, and may not throw: where files hold JSON
/// only blocks of `at_least` bytes fail.
template <class Action, class Unchanged>
std::size_t fail_everywhere(std::size_t at_least, Action&& action, Unchanged&& unchanged) {
  smallest = at_least;
  action();  // what is made once in a program is made now
  for (long n = 0;; ++n) {
    const long before = living;
    bool failed = true;
    countdown = n;
    try {
      action();
      failed = countdown < 0;  // someone made do without
    } catch (const std::bad_alloc&) {
    } catch (const bora::Error&) {
    }
    const bool reached = countdown < 0;
    countdown = -1;
    if (living != before) FAIL("allocation " << n << " failed: " << living - before << " blocks were left");
    if (!unchanged()) FAIL("allocation " << n << " failed: something was changed");
    if (!failed || !reached) return static_cast<std::size_t>(n);
  }
}
template <class Action>
std::size_t fail_everywhere(std::size_t at_least, Action&& action) {
  return fail_everywhere(at_least, action, [] { return true; });
}
constexpr std::size_t without_json = 0, with_json = 4096;

/// Large enough for its tensors to be such blocks.
struct Wide : io_test::Llama {
  static constexpr std::size_t dim = 64;
  using FeedForward = bora::SwiGlu<64>;
};

}  // namespace

TEST_CASE("A model is loaded whole or not at all, whichever allocation fails", "[robust]") {
  const TemporaryFolder folder;
  bora::save(bora::Parameters<Wide>(), folder / "one");
  bora::save(bora::Parameters<Wide>(), folder / "several", {.max_shard_bytes = 40'000});
  CHECK(fail_everywhere(with_json, [&] { bora::load<Wide, bora::F32>(folder / "one"); }) > 1);
  CHECK(fail_everywhere(with_json, [&] { bora::load<Wide, bora::Bf16>(folder / "several"); }) > 1);
}

TEST_CASE("A model is saved whole or not at all, whichever allocation fails", "[robust]") {
  const TemporaryFolder folder;
  const bora::Parameters<Wide> model;
  bora::save(model, folder.path());
  const std::string before = support::bytes_of(folder / "model.safetensors");
  const auto unchanged = [&] {
    return folder.count() == 2 && support::bytes_of(folder / "model.safetensors") == before;
  };
  CHECK(fail_everywhere(with_json, [&] { bora::save(model, folder.path()); }, unchanged) > 4);
}

TEST_CASE("A session is made or not, whichever allocation fails", "[robust]") {
  const auto& weights = model();
  CHECK(fail_everywhere(without_json, [&] { Session{weights}; }) > 5);
  using Paged = bora::Session<Model, bora::PagedCache<16, bora::F32>>;
  CHECK(fail_everywhere(without_json, [&] { Paged{weights}; }) > 5);
}

TEST_CASE("A session that cannot be restored for want of memory is as it was", "[robust]") {
  const TemporaryFolder folder;
  Session saved(model()), session(model());
  fill(saved, 5);
  bora::save_session(saved, folder / "saved");
  fill(session, 9);
  std::vector<float> expected(Spec::vocab_size);
  const auto logits = session.step(1);
  std::copy(logits.begin(), logits.end(), expected.begin());
  const auto as_before = [&] {
    if (session.length() == 5) {  // restored: back to what it was
      fill(session, 9);
      return true;
    }
    session.rewind(9);
    const auto now = session.step(1);
    session.rewind(9);
    return std::memcmp(now.data(), expected.data(), expected.size() * sizeof(float)) == 0;
  };
  CHECK(fail_everywhere(without_json, [&] { bora::restore_session(session, folder / "saved"); }, as_before) > 3);
  const std::string before = support::bytes_of(folder / "saved");
  CHECK(fail_everywhere(
            without_json, [&] { bora::save_session(saved, folder / "saved"); }, [&] { return folder.count() == 1; }) >
        3);
  CHECK(support::bytes_of(folder / "saved") == before);
}

TEST_CASE("A tokenizer is read or not, whichever allocation fails", "[robust]") {
  const TemporaryFolder folder;
  const auto word = [](std::uint32_t value) { return support::as_bytes(value); };
  std::string bytes = word(8);
  for (const char* mark : {"<unk>", "<s>", "</s>"}) bytes += word(0) + word(std::uint32_t(std::strlen(mark))) + mark;
  for (std::size_t byte = 0; byte < 256; ++byte) bytes += word(0) + word(6) + bora::detail::byte_piece(byte);
  const auto path = folder.file("tokenizer.bin", bytes);
  CHECK(fail_everywhere(without_json, [&] { bora::Llama2cTokenizer{path}; }) > 20);
}

TEST_CASE("A training checkpoint is saved whole or not at all, whichever allocation fails", "[robust]") {
  const TemporaryFolder folder;
  bora::Decoder<Wide, bora::F32> model;
  bora::Trainer trainer{model};
  bora::save_checkpoint(folder.path(), trainer, {});
  const auto whole = [&] {
    bora::Decoder<Wide, bora::F32> other;
    bora::Trainer reader{other};
    bora::restore_checkpoint(folder.path(), reader);
    return folder.count() == 3;  // last, lock, and one checkpoint
  };
  CHECK(fail_everywhere(with_json, [&] { bora::save_checkpoint(folder.path(), trainer, {}); }, whole) > 8);
}

TEST_CASE("A run that cannot be restored for want of memory is as it was", "[robust]") {
  const TemporaryFolder folder;
  const auto filled_wide = [](float value) {
    bora::Parameters<Wide> p;
    std::ranges::fill(p.values(), value);
    return p;
  };
  bora::Decoder<Wide, bora::F32> model, other;
  bora::Trainer saved{model, filled_wide(1)}, trainer{other, filled_wide(2)};
  bora::save_checkpoint(folder.path(), saved, {});
  const auto whole = [&] {
    const float first = trainer.parameters().values().front();
    const auto packed = other.parameters();
    for (const float value : trainer.parameters().values())
      if (value != first) return false;
    for (const float value : packed.values())
      if (value != first) return false;
    if (first == 1) trainer.restore(0, filled_wide(2), {}, {});  // restored: back to what it was
    return true;
  };
  CHECK(fail_everywhere(with_json, [&] { bora::restore_checkpoint(folder.path(), trainer); }, whole) > 4);
}

TEST_CASE("A step is made or not, whichever allocation fails", "[robust]") {
  const bora::TokenBatch batch(2, 6, std::vector<bora::TokenId>(12, 3));
  const Parameters start = bora::random_model<Spec, bora::F32>(1).parameters();
  const auto same = [&](const Parameters& p) { return std::ranges::equal(p.values(), start.values()); };
  bool unchanged = true;
  const auto action = [&] {
    Model stepped(start);
    bora::Trainer trainer{stepped};
    try {
      trainer.step(batch);
    } catch (const std::exception&) {
      unchanged = unchanged && trainer.steps() == 0 && same(trainer.parameters()) && same(stepped.parameters());
      throw;
    }
  };
  CHECK(fail_everywhere(without_json, action, [&] { return unchanged; }) > 5);
}

TEST_CASE("Text is packed whole or not at all, whichever allocation fails", "[robust]") {
  const TemporaryFolder folder;
  const std::array files{folder.file("text", "one two three four")};
  const auto action = [&] {
    bora::pack_text(bora::ByteTokenizer(), files, folder / "tokens", {.end_of_document = 0, .separator = " "});
  };
  action();
  const std::string before = support::bytes_of(folder / "tokens");
  CHECK(fail_everywhere(without_json, action,
                        [&] { return folder.count() == 2 && support::bytes_of(folder / "tokens") == before; }) > 5);
}

TEST_CASE("A tensor larger than the memory is refused by its shape", "[robust]") {
  constexpr std::size_t many = std::size_t{1} << 58;
  CHECK(support::refusal<bora::MemoryError>([] { bora::Tensor<float, 1>(std::array<std::size_t, 1>{many}); }) ==
        "there is no memory for a tensor of the shape [" + std::to_string(many) + "]");
}

TEST_CASE("A session larger than the memory is refused, and the next one is made", "[robust]") {
  const auto& weights = model();
  constexpr std::size_t most = 0xffffffff;
  const std::string says =
      support::refusal<bora::MemoryError>([&] { Session{weights, {.capacity = most, .chunk = 1}}; });
  CHECK(says.starts_with("there is no memory for the keys and values of a layer: "));
  Session session(weights);
  CHECK_NOTHROW(fill(session, 5));
}

#endif
