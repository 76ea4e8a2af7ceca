#include "infer/tiny.hpp"
#include "io/temporary_folder.hpp"
#include <bora/infer/session_file.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace {

using bora::Session;
using support::as_bytes;
using support::bytes_of;
using tiny::Logits;
using tiny::Tokens;

using Whole = tiny::Masked<bora::Causal>;
using Window = tiny::Masked<bora::SlidingWindow<17>>;
template <class Spec, class Cache>
using SessionOn = Session<bora::Decoder<Spec, bora::F32>, Cache>;

constexpr std::size_t word = 8, magic_at = 0, version_at = 8, fingerprint_at = 16, weights_at = 24, element_at = 32,
                      layers_at = 40, length_at = 48, first_at = 56;

/// Saves on one cache and goes on, on another.
template <class Spec, class From, class To>
void check_move(std::size_t length) {
  const auto& model = tiny::model<Spec>();
  const support::TemporaryFolder folder;
  const Tokens tokens = tiny::text(1, length + 30);
  SessionOn<Spec, From> from{model, {.capacity = 256, .chunk = 16, .rewind = 4}};
  from.prefill(std::span(tokens).first(length));
  bora::save_session(from, folder / "saved");
  SessionOn<Spec, To> to{model, {.capacity = 256, .chunk = 9}};
  to.prefill(tiny::text(2, 100));  // is replaced
  bora::restore_session(to, folder / "saved");
  CHECK(to.length() == length);
  bool same = true;
  for (std::size_t i = length; i < tokens.size(); ++i)
    same = tiny::same_bits(to.step(tokens[i]), from.step(tokens[i])) && same;
  CHECK(same);
  CHECK(tiny::same_bits(to.step(1), from.step(1)));
  CHECK(folder.count() == 1);
}
template <class Spec, class Element>
void check_moves() {
  using Linear = bora::LinearCache<Element>;
  using Paged = bora::PagedCache<32, Element>;
  using ByMask = bora::DefaultCache<Spec, Element>;
  for (const std::size_t length : {1, 16, 33, 150}) {
    check_move<Spec, Linear, Paged>(length);
    check_move<Spec, Linear, ByMask>(length);
    check_move<Spec, Paged, ByMask>(length);
    check_move<Spec, ByMask, Linear>(length);
    check_move<Spec, ByMask, Paged>(length);
    check_move<Spec, ByMask, ByMask>(length);
  }
}

/// A file of 20 tokens in a linear cache, and a session that goes on while others fail to replace it.
struct Fixture {
  support::TemporaryFolder folder;
  std::filesystem::path path = folder / "saved";
  SessionOn<Whole, bora::LinearCache<bora::F32>> session{tiny::model<Whole>(), {.capacity = 40}};
  std::string good;

  Fixture() {
    session.prefill(tiny::text(1, 20));
    bora::save_session(session, path);
    good = bytes_of(path);
    session.reset();
    session.prefill(tiny::text(2, 30));
  }
  /// What `bytes` are refused with.
  std::string refusal(const std::string& bytes) {
    folder.file("saved", bytes);
    return support::refusal(path, [&] { bora::restore_session(session, path); });
  }
  /// The good file with another word at `at`, and a checksum that fits.
  std::string altered(std::size_t at, std::uint64_t value) const { return sealed(good, at, as_bytes(value)); }
  static std::string sealed(std::string bytes, std::size_t at, const std::string& part) {
    bytes.replace(at, part.size(), part);
    bora::detail::Checksum sum;
    const auto all = std::as_bytes(std::span(bytes));
    sum.add(all.first(all.size() - word));
    return bytes.replace(bytes.size() - word, word, as_bytes(sum.value()));
  }
  std::uint64_t word_at(std::size_t at) const {
    return bora::detail::load_number<std::uint64_t>(reinterpret_cast<const std::byte*>(good.data()) + at);
  }
  bool undisturbed() {
    Tokens tokens = tiny::text(2, 30);
    if (session.length() != 30) return false;
    tokens.push_back(5);
    const bool same = tiny::same_bits(session.step(5), tiny::from_scratch<bora::F32>(tiny::model<Whole>(), tokens));
    session.rewind(30);
    return same;
  }
};

}  // namespace

TEST_CASE("A restored session goes on with the same bits, whichever cache saved and whichever reads", "[infer]") {
  SECTION("F32") { check_moves<Window, bora::F32>(); }
  SECTION("Q8") { check_moves<Window, bora::Q8>(); }
  SECTION("Bf16, a window and the whole text in turn") { check_moves<tiny::Alternating, bora::Bf16>(); }
}

TEST_CASE("One sequence of a batch is saved, and restored beside others", "[infer]") {
  const auto& model = tiny::model<Whole>();
  const support::TemporaryFolder folder;
  bora::BatchSession from{model, {.sequences = 3}}, to{model, {.capacity = 50, .sequences = 2}};
  for (std::size_t s = 0; s < 3; ++s) from.prefill(s, tiny::text(s, 10 + 9 * s));
  to.prefill(0, tiny::text(7, 25));
  bora::save_session(from, 2, folder / "saved");
  bora::restore_session(to, 1, folder / "saved");
  CHECK(to.length(1) == 28);
  Tokens left = tiny::text(7, 25), right = tiny::text(2, 28);
  left.push_back(3);
  right.push_back(4);
  const auto rows = to.step(Tokens{3, 4});
  CHECK(tiny::same_bits(rows.row(0), tiny::from_scratch<bora::F32>(model, left)));
  CHECK(tiny::same_bits(rows.row(1), tiny::from_scratch<bora::F32>(model, right)));
  CHECK_THROWS_AS(bora::save_session(from, 3, folder / "saved"), bora::ConfigError);
  CHECK_THROWS_AS(bora::restore_session(to, 2, folder / "saved"), bora::ConfigError);
}

TEST_CASE("A shared page is not written to by a restored fork", "[infer]") {
  const auto& model = tiny::model<Whole>();
  const support::TemporaryFolder folder;
  bora::BatchSession<bora::Decoder<Whole, bora::F32>, bora::PagedCache<32, bora::F32>> session{model, {.sequences = 2}};
  session.prefill(0, tiny::text(1, 40));
  bora::save_session(session, 0, folder / "saved");
  session.reset(0);
  session.prefill(0, tiny::text(2, 40));
  session.fork(0, 1);
  bora::restore_session(session, 1, folder / "saved");
  Tokens left = tiny::text(2, 40), right = tiny::text(1, 40);
  left.push_back(3);
  right.push_back(3);
  const auto rows = session.step(Tokens{3, 3});
  CHECK(tiny::same_bits(rows.row(0), tiny::from_scratch<bora::F32>(model, left)));
  CHECK(tiny::same_bits(rows.row(1), tiny::from_scratch<bora::F32>(model, right)));
}

TEST_CASE("The same tokens give the same file, whatever a session went through", "[infer]") {
  const auto& model = tiny::model<Window>();
  const support::TemporaryFolder folder;
  const Tokens tokens = tiny::text(1, 50);
  SessionOn<Window, bora::LinearCache<bora::Q8>> fresh{model};
  fresh.prefill(tokens);
  bora::save_session(fresh, folder / "fresh");

  SessionOn<Window, bora::PagedCache<32, bora::Q8>> used{model};
  used.prefill(tokens);
  used.prefill(tiny::text(2, 14));  // is forgotten, and does not leave the session
  used.rewind(50);
  bora::save_session(used, folder / "used");
  CHECK(bytes_of(folder / "used") == bytes_of(folder / "fresh"));

  SessionOn<Window, bora::LinearCache<bora::Q8>> restored{model};
  bora::restore_session(restored, folder / "used");
  bora::save_session(restored, folder / "again");
  CHECK(bytes_of(folder / "again") == bytes_of(folder / "fresh"));
}

TEST_CASE("What a ring saved is taken back only as far as it was held", "[infer]") {
  const auto& model = tiny::model<Window>();
  const support::TemporaryFolder folder;
  const Tokens tokens = tiny::text(1, 200);
  Session ring{model, {.chunk = 16, .rewind = 16}};
  ring.prefill(tokens);
  bora::save_session(ring, folder / "saved");
  const std::string ring_says = tiny::refusal<bora::CapacityError>([&] { ring.rewind(100); });
  CHECK(ring_says != "accepted");

  const auto check = [&](auto session) {
    bora::restore_session(session, folder / "saved");
    const std::string says = tiny::refusal<bora::CapacityError>([&] { session.rewind(100); });
    CHECK(says.starts_with("rewind: sequence 0 cannot be taken back"));
    CHECK(session.length() == 200);
    session.rewind(184);
    bool same = true;
    for (std::size_t i = 184; i < 190; ++i)
      same = same && tiny::same_bits(session.step(tokens[i]),
                                     tiny::from_scratch<bora::F32>(model, std::span(tokens).first(i + 1)));
    CHECK(same);
    bora::save_session(session, folder / "again");  // less than everything, once more
    SessionOn<Window, bora::LinearCache<bora::F32>> last{model, {.capacity = 256}};
    bora::restore_session(last, folder / "again");
    CHECK_THROWS_AS(last.rewind(100), bora::CapacityError);
    CHECK(tiny::same_bits(last.step(tokens[190]), tiny::from_scratch<bora::F32>(model, std::span(tokens).first(191))));
    session.reset();
    CHECK(tiny::same_bits(session.prefill(tokens), tiny::from_scratch<bora::F32>(model, tokens)));
  };
  check(SessionOn<Window, bora::LinearCache<bora::F32>>{model, {.capacity = 256}});
  check(SessionOn<Window, bora::PagedCache<16, bora::F32>>{model, {.capacity = 256}});
  check(SessionOn<Window, bora::RollingCache<bora::F32>>{model, {.chunk = 30, .rewind = 16}});
}

TEST_CASE("An empty session is saved and restored", "[infer]") {
  Fixture f;
  const Session empty{tiny::model<Whole>()};
  bora::save_session(empty, f.path);
  bora::restore_session(f.session, f.path);
  CHECK(f.session.length() == 0);
  const Tokens tokens = tiny::text(3, 9);
  CHECK(tiny::same_bits(f.session.prefill(tokens), tiny::from_scratch<bora::F32>(tiny::model<Whole>(), tokens)));
}

TEST_CASE("A damaged file is refused, and the session goes on", "[infer]") {
  Fixture f;
  REQUIRE(f.good.size() == first_at + 2 * word + 2 * 2 * 2368 + word);  // two layers, two runs each
  SECTION("cut anywhere") {
    for (std::size_t size = 0; size < f.good.size(); size += size < 100 ? 1 : 397)
      CHECK(f.refusal(f.good.substr(0, size)) != "accepted");
    CHECK(f.refusal("") == "is empty");
    CHECK(f.refusal(f.good.substr(0, 70)) == "ends after 70 bytes, expected 80 or more");
    CHECK(f.refusal(f.good.substr(0, 5'000)) == "ends after 5000 bytes, expected 9552");
  }
  SECTION("longer than it should be") {
    CHECK(f.refusal(f.good + "x") == "has 1 bytes after its end, expected 9552 in all");
  }
  SECTION("any bit flipped") {
    for (std::size_t at = 0; at < f.good.size(); at += at < 80 ? 1 : 61) {
      std::string bytes = f.good;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
      CHECK(f.refusal(bytes) != "accepted");
    }
    std::string bytes = f.good;
    bytes[1'000] = static_cast<char>(bytes[1'000] ^ 1);
    CHECK(support::lacks(f.refusal(bytes), "is damaged: its checksum is ") == "");
  }
  CHECK(f.undisturbed());
}

TEST_CASE("A file that does not fit the session is refused with what was found and expected", "[infer]") {
  Fixture f;
  SECTION("no such file") {
    std::filesystem::remove(f.path);
    CHECK(support::refusal(f.path, [&] { bora::restore_session(f.session, f.path); }) == "does not exist");
    CHECK(support::refusal(f.folder.path(), [&] { bora::restore_session(f.session, f.folder.path()); }) ==
          "is a folder, expected a file");
  }
  SECTION("another kind of file") {
    CHECK(f.refusal("GGUF, and more text than a header holds. GGUF, and more text than a header holds.") ==
          "begins with 'GGUF, an', expected 'bora-kv\\x0a': it is no file of a session");
    CHECK(f.refusal("GGUF, short") == "begins with 'GGUF, sh', expected 'bora-kv\\x0a': it is no file of a session");
  }
  SECTION("another version") {
    CHECK(f.refusal(f.altered(version_at, 1)) == "has version 1 of this format, expected 4 or 5");
    CHECK(f.refusal(f.altered(version_at, 2)) ==
          "has version 2 of this format, expected 4 or 5: it was saved by an earlier version of the library, whose "
          "fingerprints of models are others");
  }
  SECTION("another model") {
    CHECK(f.refusal(f.altered(fingerprint_at, 5)) ==
          "was saved from another model: the fingerprint of its spec is 5 with 2 layers, expected " +
              std::to_string(f.word_at(fingerprint_at)) + " with 2");
    CHECK(support::lacks(f.refusal(f.altered(layers_at, std::numeric_limits<std::uint64_t>::max())),
                         "was saved from another model") == "");
    const Session other{tiny::model<tiny::WithAlibi>()};
    bora::save_session(other, f.path);
    CHECK(support::lacks(support::refusal(f.path, [&] { bora::restore_session(f.session, f.path); }),
                         "was saved from another model") == "");
  }
  SECTION("other weights") {
    using Half = bora::Decoder<Whole, bora::Bf16>;
    const Half model = bora::random_model<Whole, bora::Bf16>(1);
    const Session<Half, bora::LinearCache<bora::F32>> other{model};
    bora::save_session(other, f.path);
    CHECK(support::refusal(f.path, [&] { bora::restore_session(f.session, f.path); }) ==
          "was saved with 'Bf16' weights, expected 'F32'");
    CHECK(f.refusal(f.altered(weights_at, 0)) == "was saved with '' weights, expected 'F32'");
  }
  SECTION("another element format") {
    const SessionOn<Whole, bora::LinearCache<bora::Q8>> other{tiny::model<Whole>()};
    bora::save_session(other, f.path);
    CHECK(support::refusal(f.path, [&] { bora::restore_session(f.session, f.path); }) ==
          "holds keys and values in 'Q8', expected 'F32'");
    CHECK(f.word_at(element_at) == bora::detail::name_word("F32"));
  }
  SECTION("too long for this session") {
    Session longer{tiny::model<Whole>(), {.capacity = 41}};
    longer.prefill(tiny::text(1, 41));
    bora::save_session(longer, f.path);
    CHECK(support::refusal(f.path, [&] { bora::restore_session(f.session, f.path); }) ==
          "holds 41 tokens, expected at most 40, this session's capacity");
  }
  SECTION("counts that do not fit the file, under a checksum that does") {
    CHECK(f.refusal(f.altered(length_at, 33)) == "ends after 9552 bytes, expected 14288");
    CHECK(f.refusal(f.altered(length_at, 16)) == "has 4736 bytes after its end, expected 4816 in all");
    CHECK(f.refusal(f.altered(first_at, 1)) ==
          "layer 0 begins with run 1, expected at most 0: keys are missing that the next token sees");
    CHECK(f.refusal(f.altered(first_at + word, std::numeric_limits<std::uint64_t>::max())) != "accepted");
    CHECK(support::lacks(f.refusal(f.altered(magic_at, 0)), "begins with ''") == "");
  }
  CHECK(f.undisturbed());
}

TEST_CASE("Sizes in a file that overflow are refused", "[infer]") {
  const support::TemporaryFolder folder;
  Session ring{tiny::model<Window>()};  // without a bound on its length
  ring.prefill(tiny::text(1, 20));
  bora::save_session(ring, folder / "saved");
  const std::string good = bytes_of(folder / "saved");
  for (const std::uint64_t length : {std::numeric_limits<std::uint64_t>::max(),
                                     std::numeric_limits<std::uint64_t>::max() - 20, std::uint64_t{1} << 62}) {
    folder.file("saved", Fixture::sealed(good, length_at, as_bytes(length)));
    CHECK_THROWS_AS(bora::restore_session(ring, folder / "saved"), bora::FileError);
  }
  CHECK(ring.length() == 20);
  // A file that is as long as it says: a ring may have come far, but not so far that positions wrap.
  const auto far = [&](std::uint64_t length) {
    std::string bytes = good;
    bytes.replace(length_at, word, as_bytes(length));
    bytes.replace(first_at, word, as_bytes((length - 16) / 16));
    bytes.replace(first_at + word, word, as_bytes((length - 16) / 16));
    folder.file("saved", Fixture::sealed(bytes, length_at, as_bytes(length)));
    return support::refusal(folder / "saved", [&] { bora::restore_session(ring, folder / "saved"); });
  };
  constexpr std::uint64_t most = std::uint64_t{1} << 48;
  CHECK(far(most - 12) == "accepted");
  CHECK(ring.length() == most - 12);
  CHECK_NOTHROW(ring.step(1));
  CHECK(far(most + 4) == "holds 281474976710660 tokens, expected at most 281474976710656");
  CHECK(far(std::numeric_limits<std::uint64_t>::max() - 11) ==
        "holds 18446744073709551604 tokens, expected at most 281474976710656");
}

TEST_CASE("A file is no reason to take more memory than the session's keys take", "[infer]") {
  const support::TemporaryFolder folder;
  Session session{tiny::model<Window>()};
  session.prefill(tiny::text(1, 20));
  bora::save_session(session, folder / "saved");
  const auto refusal = [&](const std::filesystem::path& path) {
    std::filesystem::resize_file(path, std::uintmax_t{1} << 40);  // a hole: it costs no disk
    return support::refusal(path, [&] { bora::restore_session(session, path); });
  };
  CHECK(support::lacks(refusal(folder / "saved"), "bytes after its end") == "");
  CHECK(support::lacks(refusal(folder.file("other", "something else")), "begins with 'somethin'") == "");
  CHECK(session.length() == 20);
}

TEST_CASE("A file that cannot be written leaves nothing, and what was there", "[infer]") {
  Fixture f;
  CHECK_THROWS_AS(bora::save_session(f.session, f.folder / "missing" / "saved"), bora::FileError);
  CHECK_THROWS_AS(bora::save_session(f.session, f.folder.path()), bora::FileError);
  CHECK(f.folder.count() == 1);
  CHECK(bytes_of(f.path) == f.good);
  bora::save_session(f.session, f.path);  // replaces
  CHECK(bytes_of(f.path) != f.good);
  CHECK(f.folder.count() == 1);
  CHECK(f.undisturbed());
}

TEST_CASE("A token that is pending is saved, and restored as pending", "[infer]") {
  const auto& model = tiny::model<Window>();
  const support::TemporaryFolder folder;
  const Tokens tokens = tiny::text(3, 50);
  const std::size_t run = GENERATE(0, 15, 16, 40);
  SessionOn<Window, bora::RollingCache<bora::F32>> from{model};
  if (run > 0) from.prefill(std::span(tokens).first(run));
  from.append(7);
  bora::save_session(from, folder / "saved");
  CHECK(from.pending() == 7);

  SessionOn<Window, bora::PagedCache<16, bora::F32>> to{model};
  to.append(3);  // is replaced, like all it holds
  bora::restore_session(to, folder / "saved");
  CHECK(to.length() == run + 1);
  CHECK(to.pending() == 7);
  Tokens all(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(run));
  all.insert(all.end(), {7, 1, 2});
  CHECK(tiny::same_bits(to.prefill(Tokens{1, 2}), tiny::from_scratch<bora::F32>(model, all)));

  SessionOn<Window, bora::LinearCache<bora::F32>> exact{model, {.capacity = run + 1}};
  bora::restore_session(exact, folder / "saved");
  CHECK(exact.length() == run + 1);
  if (run == 0) return;
  SessionOn<Window, bora::LinearCache<bora::F32>> narrow{model, {.capacity = run}};
  CHECK(support::refusal(folder / "saved", [&] { bora::restore_session(narrow, folder / "saved"); }) ==
        "holds " + std::to_string(run) + " tokens and one that is pending, expected at most " + std::to_string(run) +
            ", this session's capacity");
  CHECK(narrow.length() == 0);
}

TEST_CASE("A pending token outside the vocabulary is refused, under a checksum that fits", "[infer]") {
  const support::TemporaryFolder folder;
  Session session{tiny::model<Whole>()};
  session.append(7);
  bora::save_session(session, folder / "saved");
  const std::string bytes = bytes_of(folder / "saved");
  folder.file("saved", Fixture::sealed(bytes, bytes.size() - 2 * word, as_bytes(std::uint64_t{40})));
  session.append(8);
  CHECK(support::refusal(folder / "saved", [&] { bora::restore_session(session, folder / "saved"); }) ==
        "has token 40 pending, expected one below 40");
  CHECK(session.length() == 2);
  CHECK(session.pending() == 8);
}
