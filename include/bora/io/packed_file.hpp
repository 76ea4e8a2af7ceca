/// Packed weights in a file that is mapped into memory: a program starts without packing, and programs that run at the
/// same time share one copy.
///
/// All numbers are little-endian, 64 bits wide:
///
///     "bora-pk\n"   version   fingerprint of the spec   weight format   matrices   bytes of the weights
///     family [32]   prefix    sum over all of this and the kinds
///     kinds         a byte a matrix: the formats of a `Mixed` model's, otherwise 0
///     weights       from the next multiple of 4096 on, as simd/panels.hpp lays them out
///     sum           over the weights
///
/// The layout is the same on every processor. It may change with the library's MINOR version, and `version` with it:
/// keep the checkpoint as the source and treat this file as a cache.
#pragma once
#include <bora/core/checked.hpp>
#include <bora/core/checksum.hpp>
#include <bora/files/atomic_file.hpp>
#include <bora/files/file_words.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/family.hpp>
#include <bora/io/families.hpp>
#include <bora/model/decoder.hpp>
#include <bora/model/description.hpp>
#include <bora/model/fingerprint.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

struct PackedHeader {
  std::uint64_t magic = name_word("bora-pk\n"), version = 1;
  std::uint64_t fingerprint = 0, format = 0, matrices = 0, bytes = 0;
  std::array<char, 32> family = {};
  std::uint64_t prefix = 1;
  std::uint64_t sum = 0;  ///< of all before, and of the kinds

  /// Offset of the weights.
  std::size_t weights_at() const noexcept { return round_up(sizeof(PackedHeader) + matrices, 4096); }
  std::uint64_t sum_with(std::span<const std::byte> kinds) const noexcept {
    PackedHeader without = *this;
    without.sum = 0;
    Checksum s;
    s.add(std::as_bytes(std::span(&without, 1)));
    s.add(kinds);
    return s.value();
  }
};
static_assert(sizeof(PackedHeader) == 12 * sizeof(std::uint64_t));

/// The kind of every matrix, in the visitor's order.
template <ModelSpec S, WeightFormat F>
std::vector<std::byte> matrix_kinds(const Decoder<S, F>& model) {
  std::vector<std::byte> kinds;
  auto& tree = const_cast<typename Decoder<S, F>::Tree&>(model.weights());
  Anatomy<S>::visit(
      [&](TensorId, TensorShape, auto& tensor) {
        if constexpr (requires { tensor.kind; })
          kinds.push_back(static_cast<std::byte>(tensor.kind));
        else if constexpr (requires { tensor.cols; })
          kinds.push_back(std::byte{0});
      },
      tree);
  return kinds;
}

/// The expected header, except for the fields that only the file can tell.
template <ModelSpec S, WeightFormat F>
PackedHeader packed_header() {
  PackedHeader header;
  header.fingerprint = fingerprint(describe<S>());
  header.format = name_word(F::name);
  Anatomy<S>::visit([&](TensorId, TensorShape shape) { header.matrices += shape.matrix() ? 1 : 0; });
  return header;
}

/// Throws FileError unless the file has the header `expected` and is complete.
inline PackedHeader check_packed(const MappedFile& file, const PackedHeader& expected) {
  const auto& path = file.path();
  if (file.size() < sizeof(PackedHeader))
    refuse_file(path, "ends after ", file.size(), " bytes, expected ", sizeof(PackedHeader), " or more");
  const auto header = load_number<PackedHeader>(file.bytes().data());
  if (header.magic != expected.magic)
    refuse_file(path, "begins with ", name_text(header.magic), ", expected ", name_text(expected.magic),
                ": it holds no packed weights");
  if (header.version != expected.version)
    refuse_file(path, "has version ", header.version, " of packed weights, expected ", expected.version,
                ": pack the checkpoint again");
  if (header.fingerprint != expected.fingerprint || header.matrices != expected.matrices)
    refuse_file(path, "was packed from another model: the fingerprint of its spec is ", header.fingerprint, " with ",
                header.matrices, " matrices, expected ", expected.fingerprint, " with ", expected.matrices);
  if (header.format != expected.format)
    refuse_file(path, "holds weights in ", name_text(header.format), ", expected ", name_text(expected.format));
  const CheckedSize size = CheckedSize(header.weights_at()) + header.bytes + sizeof(std::uint64_t);
  if (file.size() != size.value())
    refuse_file(path, "has ", file.size(), " bytes, expected ", size.value(),
                file.size() < size.value() ? ": the rest is missing" : "");
  if (header.sum != header.sum_with(file.bytes().subspan(sizeof(PackedHeader), header.matrices)))
    refuse_file(path, "has a damaged header: its sum is another one");
  return header;
}

/// Writes a file of packed weights, completely or not at all. The header's sums and sizes are set here.
inline void write_packed(const std::filesystem::path& path, PackedHeader header, std::span<const std::byte> kinds,
                         std::span<const std::byte> weights) {
  header.bytes = weights.size();
  header.sum = header.sum_with(kinds);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&header, 1)));
  file.write(kinds);
  file.write(std::vector<std::byte>(header.weights_at() - sizeof header - kinds.size()));
  file.write(weights);
  Checksum sum;
  sum.add(weights);
  const std::uint64_t value = sum.value();
  file.write(std::as_bytes(std::span(&value, 1)));
  file.commit();
}

}  // namespace detail

/// Writes a model's packed weights, completely or not at all. Throws FileError if the file cannot be written.
template <detail::SoundSpec S, detail::SoundFormat F>
void save_packed(const Decoder<S, F>& model, const std::filesystem::path& path) {
  detail::PackedHeader header = detail::packed_header<S, F>();
  const std::string_view family = model.names().family;
  std::copy_n(family.begin(), std::min(family.size(), header.family.size() - 1), header.family.begin());
  header.prefix = model.names().prefix ? 1 : 0;
  detail::write_packed(path, header, detail::matrix_kinds(model), model.packed());
}

/// Whether `map_packed` reads all weights to verify their checksum, which costs the time that mapping saves.
enum class VerifyPacked { no, yes };

/// A model whose weights are mapped from a file that `save_packed` wrote: pages are loaded when first used, and changes
/// by training stay private to this program. The file must not be changed or shortened in place while the model lives;
/// replacing it, as `save_packed` does, is safe. Throws FileError for files of another model, format or version, and
/// for incomplete ones.
template <detail::SoundSpec S, detail::SoundFormat F = detail::LeftOut>
Decoder<S, F> map_packed(const std::filesystem::path& path, VerifyPacked verify = VerifyPacked::no) {
  auto file = std::make_shared<MappedFile>(path);
  const detail::PackedHeader header = detail::check_packed(*file, detail::packed_header<S, F>());
  const std::span<const std::byte> kinds = file->bytes().subspan(sizeof header, header.matrices);
  std::size_t next = 0;
  const Recipe as_packed = [&](TensorId, TensorShape) {
    const auto kind = static_cast<MatrixKind>(kinds[next++ % kinds.size()]);  // each pass over the tensors asks for all
    if (kind > MatrixKind::codes8)
      detail::refuse_file(path, "matrix ", (next - 1) % kinds.size(), " is of kind ", static_cast<unsigned>(kind),
                          ", which this version does not know");
    return kind;
  };
  const std::size_t bytes = Decoder<S, F>::packed_bytes(as_packed);
  if (header.bytes != bytes) detail::refuse_file(path, "holds ", header.bytes, " bytes of weights, expected ", bytes);
  if (verify == VerifyPacked::yes) {
    detail::Checksum sum;
    sum.add(file->bytes().subspan(header.weights_at(), bytes));
    if (sum.value() != detail::load_number<std::uint64_t>(file->bytes().data() + header.weights_at() + bytes))
      detail::refuse_file(path, "has damaged weights: their sum is another one");
  }
  const std::string_view name(header.family.data(),
                              std::find(header.family.begin(), header.family.end(), '\0') - header.family.begin());
  const Family* family = detail::find_family(name);
  const std::span<std::byte> weights = file->private_bytes().subspan(header.weights_at(), bytes);
  return Decoder<S, F>(std::move(file), weights,
                       {family == nullptr ? std::string_view() : family->model_type, header.prefix != 0}, as_packed);
}

}}  // namespace bora::BORA_ABI
