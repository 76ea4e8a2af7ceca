/// Saves a session's keys and values to a file, so that a prompt is prefilled once.
///
/// The file depends on the model's type, its weight format and the cache's element format, but not on the cache's kind:
/// a file saved from a ring can be restored into pages, and the other way round. All numbers are little-endian, 64 bits
/// wide:
///
///     "bora-kv\n"   version   fingerprint of the spec   weight format   element format   layers   length
///     first run     [layers]
///     runs          per layer: first run .. ceil(length / 16) - 1, as simd/key_runs.hpp lays them out, all heads
///     pending       version 5 only: a token that was appended and not run
///     checksum      over all of the above
///
/// The version is 5 where a token is pending, else 4. `length` counts the tokens that were run. Versions 2 and 3
/// computed a spec's fingerprint in another way and are refused.
#pragma once
#include <bora/files/atomic_file.hpp>
#include <bora/core/checked.hpp>
#include <bora/files/file_words.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/infer/session.hpp>
#include <bora/model/fingerprint.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// Header of a session file.
struct SessionHeader {
  std::uint64_t magic = name_word("bora-kv\n"), version = 4;
  std::uint64_t fingerprint, weights, element, layers, length;
};

/// The version of files with a pending token.
inline constexpr std::uint64_t version_with_pending = 5;

/// Header of this session's file; the caller gives the length.
template <class Session>
SessionHeader session_header(const Session& session, std::size_t length) {
  using Spec = typename Session::Spec;
  return {.fingerprint = fingerprint(describe<Spec>()),
          .weights = name_word(Session::Format::name),
          .element = name_word(Session::Element::name),
          .layers = session.cache().layer_count(),
          .length = length};
}

/// Zeroes the slots of a run from `slot` on, so that rewound tokens are not written to the file.
template <CacheFormat E>
void clear_slots(std::byte* run, const CacheLayer& layer, std::size_t slot) noexcept {
  using Layout = simd::RunLayout<E>;
  using Number = typename E::Storage;
  for (std::size_t h = 0; h < layer.kv_heads; ++h) {
    const simd::Run<E> head{run + h * Layout::bytes(layer.head_dim), layer.head_dim};
    for (std::size_t c = 0; c < layer.head_dim; ++c)
      std::fill(head.keys() + c * simd::run_length + slot, head.keys() + (c + 1) * simd::run_length, Number{});
    std::fill(head.values() + slot * layer.head_dim, head.values() + simd::run_length * layer.head_dim, Number{});
    if constexpr (Layout::scaled) {
      std::fill(head.key_scales() + slot, head.key_scales() + simd::run_length, 0.0f);
      std::fill(head.value_scales() + slot, head.value_scales() + simd::run_length, 0.0f);
    }
  }
}

template <CacheFormat E>
void save_keys(const KeyValueCache<E>& cache, std::size_t sequence, SessionHeader header,
               std::optional<TokenId> pending, const std::filesystem::path& path) {
  if (pending) header.version = version_with_pending;
  AtomicFile file(path);
  Checksum sum;
  const auto write = [&](std::span<const std::byte> words) {
    sum.add(words);
    file.write(words);
  };
  write(std::as_bytes(std::span(&header, 1)));
  const std::size_t runs = (header.length + simd::run_length - 1) / simd::run_length;
  std::vector<std::uint64_t> first(cache.layer_count());
  for (std::size_t l = 0; l < first.size(); ++l) first[l] = std::min(runs, cache.first_held_run(l, sequence));
  write(std::as_bytes(std::span(first)));

  std::vector<std::byte> run;
  for (std::size_t l = 0; l < first.size(); ++l)
    for (std::size_t r = first[l]; r < runs; ++r) {
      run.assign(cache.run(l, sequence, r), cache.run(l, sequence, r) + cache.run_bytes(l));
      if (r == header.length / simd::run_length)
        clear_slots<E>(run.data(), cache.layer_facts(l), header.length % simd::run_length);
      write(run);
    }
  if (pending) {
    const auto token = static_cast<std::uint64_t>(*pending);
    write(std::as_bytes(std::span(&token, 1)));
  }
  const std::uint64_t value = sum.value();
  file.write(std::as_bytes(std::span(&value, 1)));
  file.commit();
}

/// Far beyond any real session; positions after it must not overflow.
inline constexpr std::uint64_t longest_session = std::uint64_t{1} << 48;

/// A session file that was found to be complete and to fit.
struct SessionRuns {
  std::size_t length;
  std::vector<std::size_t> first;  ///< [layers]
  const std::byte* data;           ///< the runs
  std::optional<TokenId> pending;
};

/// Throws FileError unless the file begins with the magic of `expected`. Checked before the size, so that a short file
/// of another kind is not reported as truncated.
inline void check_magic(const MappedFile& file, const SessionHeader& expected) {
  if (file.size() < sizeof expected.magic) return;
  if (const auto found = load_number<std::uint64_t>(file.bytes().data()); found != expected.magic)
    refuse_file(file.path(), "begins with ", name_text(found), ", expected ", name_text(expected.magic),
                ": it is no file of a session");
}

/// Throws FileError unless the header equals `expected`, except for its length.
inline void check_header(const MappedFile& file, const SessionHeader& found, const SessionHeader& expected) {
  const auto& path = file.path();
  if (found.version != expected.version && found.version != version_with_pending)
    refuse_file(path, "has version ", found.version, " of this format, expected ", expected.version, " or ",
                version_with_pending,
                found.version == 2 || found.version == 3
                    ? ": it was saved by an earlier version of the library, whose fingerprints of models are others"
                    : "");
  if (found.fingerprint != expected.fingerprint || found.layers != expected.layers)
    refuse_file(path, "was saved from another model: the fingerprint of its spec is ", found.fingerprint, " with ",
                found.layers, " layers, expected ", expected.fingerprint, " with ", expected.layers);
  if (found.weights != expected.weights)
    refuse_file(path, "was saved with ", name_text(found.weights), " weights, expected ", name_text(expected.weights));
  if (found.element != expected.element)
    refuse_file(path, "holds keys and values in ", name_text(found.element), ", expected ",
                name_text(expected.element));
}

/// The header of a file of at least `least` bytes. \param limit  the most tokens that fit, 0 without a bound
inline SessionHeader read_session_header(const MappedFile& file, const SessionHeader& expected, std::size_t least,
                                         std::size_t limit) {
  check_magic(file, expected);
  if (file.size() < least) refuse_file(file.path(), "ends after ", file.size(), " bytes, expected ", least, " or more");
  const auto header = load_number<SessionHeader>(file.bytes().data());
  check_header(file, header, expected);
  const bool pending = header.version == version_with_pending;
  if (limit != 0 && header.length > limit - (pending ? 1 : 0))
    refuse_file(file.path(), "holds ", header.length, pending ? " tokens and one that is pending" : " tokens",
                ", expected at most ", limit, ", this session's capacity");
  if (header.length > longest_session)
    refuse_file(file.path(), "holds ", header.length, " tokens, expected at most ", longest_session);
  return header;
}

/// Limits of the session that restores a file.
struct SessionBounds {
  std::size_t limit;       ///< the most tokens that fit, 0 without a bound
  std::size_t vocab_size;  ///< of its model
};

/// The pending token, stored before the checksum; the file must be long enough.
inline TokenId read_pending(const MappedFile& file, std::size_t vocab_size) {
  constexpr std::size_t word = sizeof(std::uint64_t);
  const auto token = load_number<std::uint64_t>(file.bytes().data() + file.size() - 2 * word);
  if (token >= vocab_size) refuse_file(file.path(), "has token ", token, " pending, expected one below ", vocab_size);
  return static_cast<TokenId>(token);
}

/// Checks everything but the checksum.
template <CacheFormat E>
SessionRuns check_session_shape(const KeyValueCache<E>& cache, const SessionHeader& expected, SessionBounds bounds,
                                const MappedFile& file) {
  constexpr std::size_t word = sizeof(std::uint64_t);
  const std::size_t layers = cache.layer_count(), runs_at = sizeof(SessionHeader) + layers * word;
  const SessionHeader header = read_session_header(file, expected, runs_at + word, bounds.limit);
  const CheckedSize length = header.length;
  const bool pending = header.version == version_with_pending;
  SessionRuns found{length.value(), {}, file.bytes().data() + runs_at, {}};
  const CheckedSize runs = (length + simd::run_length - 1).value() / simd::run_length;
  CheckedSize size = runs_at + (pending ? 2 : 1) * word;
  for (std::size_t l = 0; l < layers; ++l) {
    const CheckedSize first = load_number<std::uint64_t>(file.bytes().data() + sizeof(SessionHeader) + l * word);
    const std::size_t needed = cache.first_needed_run(l, found.length);
    if (first > CheckedSize(needed))
      refuse_file(file.path(), "layer ", l, " begins with run ", first.value(), ", expected at most ", needed,
                  ": keys are missing that the next token sees");
    found.first.push_back(first.value());
    size += (runs - first) * cache.run_bytes(l);
  }
  if (file.size() < size.value())
    refuse_file(file.path(), "ends after ", file.size(), " bytes, expected ", size.value());
  if (file.size() > size.value())
    refuse_file(file.path(), "has ", file.size() - size.value(), " bytes after its end, expected ", size.value(),
                " in all");
  if (pending) found.pending = read_pending(file, bounds.vocab_size);
  return found;
}

inline void check_session_sum(const MappedFile& file) {
  const std::span<const std::byte> bytes = file.bytes();
  constexpr std::size_t word = sizeof(std::uint64_t);
  Checksum sum;
  sum.add(bytes.first(bytes.size() - word));
  if (const auto stored = load_number<std::uint64_t>(bytes.data() + bytes.size() - word); stored != sum.value())
    refuse_file(file.path(), "is damaged: its checksum is ", sum.value(), ", expected ", stored);
}

/// Returns the pending token.
template <CacheFormat E>
std::optional<TokenId> restore_keys(KeyValueCache<E>& cache, std::size_t sequence, const SessionHeader& expected,
                                    SessionBounds bounds, const std::filesystem::path& path) {
  check_session_shape(cache, expected, bounds, MappedFile(path));  // before memory is allocated for the whole file
  const MappedFile file(path, FileAccess::read);
  const SessionRuns found = check_session_shape(cache, expected, bounds, file);
  check_session_sum(file);
  cache.adopt(sequence, found.length, found.first);
  const std::size_t runs = (found.length + simd::run_length - 1) / simd::run_length;
  const std::byte* from = found.data;
  for (std::size_t l = 0; l < cache.layer_count(); ++l) {
    const std::size_t bytes = cache.run_bytes(l);
    for (std::size_t r = cache.first_held_run(l, sequence); r < runs; ++r)
      std::memcpy(cache.run(l, sequence, r), from + (r - found.first[l]) * bytes, bytes);
    from += (runs - found.first[l]) * bytes;
  }
  return found.pending;
}

}  // namespace detail

/// Writes the keys and values of a sequence, and its pending token, to a temporary file and renames it to `path`: an
/// older file there stays complete until then. Throws FileError where the file cannot be written.
template <class Model, class Cache>
void save_session(const BatchSession<Model, Cache>& session, std::size_t sequence, const std::filesystem::path& path) {
  const std::optional<TokenId> pending = session.pending(sequence);  // throws where there is no such sequence
  const std::size_t run = session.cache().length(sequence);
  detail::save_keys(session.cache(), sequence, detail::session_header(session, run), pending, path);
}
/// The same for a session of one sequence.
template <class Model, class Cache>
void save_session(const Session<Model, Cache>& session, const std::filesystem::path& path) {
  save_session(session.batch(), 0, path);
}

/// Replaces a sequence's contents by a file's: decoding continues with the same bits, on any kind of cache, if the
/// model has the same weights (the file identifies its spec and format, not its weights). A sequence saved from a ring
/// cannot be rewound further than the ring could. Throws FileError for a file that is missing, truncated, damaged, of
/// another model or format, or longer than this session; nothing is changed then.
template <class Model, class Cache>
void restore_session(BatchSession<Model, Cache>& session, std::size_t sequence, const std::filesystem::path& path) {
  const detail::SessionHeader expected = detail::session_header(session, session.length(sequence));
  const detail::SessionBounds bounds{session.limit(), Model::Spec::vocab_size};
  const std::optional<TokenId> pending = detail::restore_keys(session.cache(), sequence, expected, bounds, path);
  session.rewind(sequence, session.cache().length(sequence));  // drops the token that was pending before
  if (pending) session.append(sequence, *pending);
}
/// The same for a session of one sequence.
template <class Model, class Cache>
void restore_session(Session<Model, Cache>& session, const std::filesystem::path& path) {
  restore_session(session.batch(), 0, path);
}

}}  // namespace bora::BORA_ABI
