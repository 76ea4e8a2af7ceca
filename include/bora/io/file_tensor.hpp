/// A model's tensors in files: which of a file's tensors holds them, and where in it.
#pragma once
#include <bora/files/compiled_files.hpp>
#include <bora/layers/tensors.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <bora/model/parameters.hpp>
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A dialect: how a file of another program differs from the names and shapes that this library writes for the family.
/// Dialects are read, never written; by default nothing differs.
struct FileDialect {
  /// The tensors of a mixture's experts.
  enum class Experts {
    numbered,     ///< "experts.0.w1", "w3", "w2": Mixtral's
    spelled_out,  ///< "experts.0.gate_proj", "up_proj", "down_proj"
    fused,  ///< all experts' in "experts.gate_up_proj" [experts, 2 hidden, dim], gates first, and "experts.down_proj"
  };
  Experts experts = Experts::numbered;  ///< names of a mixture's experts
  bool experts_in_mlp = false;          ///< "mlp.gate", "mlp.experts" for "block_sparse_moe.…"
  bool fused_query_key_value = false;   ///< "self_attn.qkv_proj": query, key and value in one
  bool fused_gate_up = false;           ///< "mlp.gate_up_proj": gate and up in one
};

/// Location of a model's tensor in a file: in the tensor `name`, alone or fused with others. Its row r is the file's
/// row `first + r / block * stride + r % block`; of a transposed tensor (GPT-2's are [in, out]), the column. The rows
/// of a tensor with three axes (fused experts) run along the last axis and are counted across all experts.
struct TensorPlace {
  std::string name;                ///< of the file's tensor
  std::vector<std::size_t> shape;  ///< of the file's tensor
  bool transposed;                 ///< the file's tensor is [in, out]
  std::size_t first;               ///< the file's row of row 0
  std::size_t block;               ///< rows that stay together in the file
  std::size_t stride;              ///< the file's rows from one block to the next

  /// The file's row of the model's row `r`.
  std::size_t row(std::size_t r) const noexcept { return first + r / block * stride + r % block; }

  /// Calls f(i, j) for each element: index i in the model's tensor, j in the file's. Transposed tensors are visited in
  /// strips of rows: each element of a large matrix's column is on another page.
  template <class F>
  void for_each(TensorShape model, F&& f) const {
    const std::size_t cols = std::max<std::size_t>(model.cols, 1), strip = transposed ? 16 : 1;
    for (std::size_t begin = 0; begin < model.rows; begin += strip)
      for (std::size_t c = 0; c < cols; ++c)
        for (std::size_t r = begin; r < std::min(begin + strip, model.rows); ++r)
          f(r * cols + c, transposed ? c * shape.back() + row(r) : row(r) * cols + c);
  }
};

/// Location of a tensor in the files of a family or of a dialect. Throws ConfigError where the family has no name for
/// it.
BORA_FILE_FUNCTION TensorPlace place_of(const CheckpointNames& names, const ModelDescription& d, TensorId id,
                                        TensorShape shape, const FileDialect& dialect = {});

/// A tensor of a file and the tensors of the model that it holds.
struct FileTensor {
  /// One of the model's tensors, and its location in the file's tensor.
  struct Part {
    TensorEntry entry;  ///< the model's tensor
    TensorPlace place;  ///< its rows in the file's
  };
  std::vector<Part> parts;  ///< one or more, in the order of the model's; all have one name and shape in the file

  /// In the file.
  const std::string& name() const noexcept { return parts.front().place.name; }
  /// In the file.
  const std::vector<std::size_t>& shape() const noexcept { return parts.front().place.shape; }
  /// Elements in the file.
  std::size_t size() const noexcept {
    std::size_t count = 0;
    for (const Part& part : parts) count += part.entry.shape.size();
    return count;
  }

  /// Gathers its elements from the model's tensors into `out` [size()].
  template <class T>
  void gather(std::span<const T> model, std::span<float> out) const {
    for (const Part& part : parts)
      part.place.for_each(part.entry.shape, [&](std::size_t in_model, std::size_t in_file) {
        out[in_file] = static_cast<float>(model[part.entry.offset + in_model]);
      });
  }
};

/// The tensors of a file that holds the model, in the order of the model's.
BORA_FILE_FUNCTION std::vector<FileTensor> file_tensors(CheckpointNames names, const ModelDescription& d,
                                                        std::span<const TensorEntry> model,
                                                        const FileDialect& dialect = {});

}}  // namespace bora::BORA_ABI

#if !defined(BORA_EXTERN_FILES)
#include <bora/io/parameter_names.hpp>
#endif
