#include "commands.hpp"
#include "json.hpp"
#include <bora/io/families.hpp>
#include <bora/io/json.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/model/described_tensors.hpp>
#include <bora/model/description.hpp>
#include <bora/model/spec_text.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// "4,096"
std::string grouped(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}
/// "12.3 MiB"
std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

/// What can be said of a checkpoint without running it.
struct Anatomy {
  bora::ModelDescription model;
  std::string family;
  std::size_t parameters = 0, active = 0;
  std::map<std::string, std::uint64_t> stored;  ///< bytes in the file by element type

  explicit Anatomy(const std::filesystem::path& path) : model(bora::describe(path)) {
    const std::vector<bora::TensorEntry> tensors = bora::tensors_of(model);
    const auto file = bora::detail::open_checkpoint(path, model, tensors);
    family = file->names().family.empty() ? bora::family_of(model) : file->names().family;
    for (const bora::TensorEntry& tensor : tensors) {
      parameters += tensor.shape.size();
      const bora::StoredTensor from = file->stored(tensor.id, tensor.shape);
      stored[std::string(bora::facts_of(from.type).name)] += bora::stored_bytes(from.type, tensor.shape.size());
      const bora::PolicyDescription& f = model.feed_forward_of(tensor.id.layer);
      // Of an expert's tensors as many are active as a token has experts.
      const bool of_expert = tensor.id.expert >= f.size("router.experts_per_token") && f.has("experts");
      active += of_expert ? 0 : tensor.shape.size();
    }
  }

  /// Bytes of the keys and values of a sequence, in elements of `element` bytes.
  std::uint64_t cache_bytes(std::size_t length, std::size_t element) const {
    std::uint64_t bytes = 0;
    for (std::size_t layer = 0; layer < model.layers; ++layer) {
      const bora::PolicyDescription& a = model.attention_of(layer);
      const std::size_t window = a.size("mask.window"), seen = window == 0 ? length : std::min(length, window);
      bytes += 2 * std::uint64_t{seen} * a.size("kv_heads") * a.size("head_dim") * element;
    }
    return bytes;
  }
};

void print_text(const Anatomy& a) {
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += std::string(name) + std::string(12 - name.size(), ' ') + value + "\n";
  };
  line("family", a.family);
  line("layers", grouped(a.model.layers) + " of width " + grouped(a.model.dim));
  line("vocabulary", grouped(a.model.vocab_size));
  line("context", grouped(a.model.context));
  line("parameters", grouped(a.parameters) + ", " + grouped(a.active) + " active for a token");
  for (const auto& [type, bytes] : a.stored) line("stored", bytes_text(bytes) + " in " + type);
  for (std::size_t length = 1024;; length *= 4) {
    const std::size_t n = std::min(length, a.model.context);
    line("cache", bytes_text(a.cache_bytes(n, 2)) + " for " + grouped(n) + " tokens in Bf16, " +
                      bytes_text(a.cache_bytes(n, 4)) + " in F32");
    if (n == a.model.context) break;
  }
  program::write(text + "\n" + bora::spec_text(a.model));
}

void print_json(const Anatomy& a) {
  bora::Json json{{"family", a.family},
                  {"layers", a.model.layers},
                  {"dim", a.model.dim},
                  {"vocab_size", a.model.vocab_size},
                  {"context", a.model.context},
                  {"parameters", a.parameters},
                  {"active_parameters", a.active},
                  {"stored_bytes", a.stored},
                  {"cache_bytes_f32", a.cache_bytes(a.model.context, 4)},
                  {"spec", bora::spec_text(a.model)}};
  program::write(json.dump() + "\n");
}

}  // namespace

program::Command command::info() {
  struct Options {
    std::filesystem::path path;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  return {.name = "info",
          .purpose = "Describes a checkpoint: sizes, bytes, and its spec as C++.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            arguments.required("PATH", program::path(options->path), "a checkpoint: a Hugging Face folder, or a file");
            arguments.option("--json", program::flag(options->json), "as one JSON object");
            arguments.example("bora info examples/pocket");
            return [options] {
              const Anatomy anatomy(options->path);
              options->json ? print_json(anatomy) : print_text(anatomy);
              return 0;
            };
          }};
}
