// Checkpoints from one format to another, and what rounding does to them.
#include "commands.hpp"
#include "json.hpp"
#include "text_files.hpp"
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/core/format.hpp>
#include <bora/io/gguf_vocabulary_of.hpp>
#include <bora/io/llama2c.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/io/save_folder.hpp>
#include <bora/io/save_gguf.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct ConvertOptions {
  fs::path from, to;
  std::string type;
  bool json = false;
};

std::optional<bora::ElementType> element_type(const std::string& name) {
  if (name.empty()) return std::nullopt;
  for (const bora::ElementType type :
       {bora::ElementType::f32, bora::ElementType::f16, bora::ElementType::bf16, bora::ElementType::q8_0,
        bora::ElementType::q4_0, bora::ElementType::q4_k, bora::ElementType::q6_k})
    if (bora::facts_of(type).name == name) return type;
  throw program::UsageError("--type is \"" + name + "\", expected F32, F16, BF16, Q8_0, Q4_0, Q4_K or Q6_K");
}

/// A line, or an object of JSON, for each tensor that was written; "asked" where that is another type than it has.
template <class Reports>
void print_report(const Reports& reports, bool json) {
  std::string text = json ? "{\"tensors\": [" : "";
  for (const auto& r : reports) {
    bora::ElementType asked_type = r.type;
    if constexpr (requires { r.asked; }) asked_type = r.asked;
    const std::string type(bora::facts_of(r.type).name), asked(bora::facts_of(asked_type).name);
    char line[512];
    std::snprintf(line, sizeof line,
                  json ? "%s{\"name\": %s, \"type\": \"%s\", \"asked\": \"%s\", \"relative_error\": %.6g}"
                       : "%s%-48s %-6s%.0s error %.3g",
                  json && &r != reports.data() ? ", " : "", json ? command::json_text(r.name).c_str() : r.name.c_str(),
                  type.c_str(), asked.c_str(), r.relative_error);
    text += line;
    if (!json) text += asked == type ? "\n" : "  (" + asked + " does not fit its rows)\n";
  }
  program::write(text + (json ? "]}\n" : ""));
}

void write_gguf(const ConvertOptions& o) {
  bora::ThreadPool pool(bora::usable_cores());
  program::ProgressLine progress("converting");
  bora::GgufOptions options{.type = element_type(o.type), .progress = progress, .pool = &pool};
  if (o.from.extension() != ".gguf") {
    const fs::path folder = fs::is_directory(o.from) ? o.from : o.from.parent_path() / ".";
    options.name = fs::weakly_canonical(folder).filename().string();
    try {
      options.vocabulary = bora::gguf_vocabulary_of(folder);
    } catch (const bora::Error& error) {
      std::fprintf(stderr, "without a tokenizer: %s\n", error.what());
    }
  }
  print_report(bora::save_gguf(o.from, o.to, options), o.json);
}

void write_llama2c(const ConvertOptions& o) {
  const bora::ModelDescription model = bora::describe(o.from);
  const auto file = bora::detail::open_checkpoint(o.from, model, bora::tensors_of(model));
  bora::write_llama2c(o.to, model, [&](bora::TensorId id, bora::TensorShape shape, std::span<float> out) {
    file->read(id, shape, out);
  });
}

void convert(const ConvertOptions& o) {
  const program::CatchInterrupt until_it_is_converted;
  if (o.to.extension() == ".gguf") return write_gguf(o);
  if (!o.type.empty() && o.type != "F32" && (o.type != "BF16" || o.to.extension() == ".bin"))
    throw program::UsageError("--type is \"" + o.type + "\", expected " +
                              (o.to.extension() == ".bin" ? "F32 for a llama2.c file"
                                                          : "F32 or BF16 for a folder; other types go to a .gguf"));
  if (o.to.extension() == ".bin") return write_llama2c(o);
  const auto reports = [&] {
    program::ProgressLine progress("converting");
    return bora::save_folder(
        o.from, o.to, {.numbers = o.type == "BF16" ? bora::StoredNumbers::bf16 : bora::StoredNumbers::f32}, progress);
  }();
  command::copy_text_files(o.from, o.to);
  print_report(reports, o.json);
}

}  // namespace

program::Command command::convert() {
  const auto options = std::make_shared<ConvertOptions>();
  return {.name = "convert",
          .purpose = "Converts a checkpoint: to a Hugging Face folder, a .gguf, or llama2.c's .bin.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            arguments.required("FROM", program::path(options->from), "a checkpoint of any kind");
            arguments.required("TO", program::path(options->to), "a folder, or a file whose ending names its kind");
            arguments.option("--type", program::text(options->type), "of the matrices: F32, BF16, F16, Q8_0, Q4_0, …");
            arguments.option("--json", program::flag(options->json), "the report as one JSON object");
            arguments.example("bora convert FOLDER model.gguf --type Q4_0    with the error of each tensor");
            arguments.example("bora convert model.gguf FOLDER");
            return [options] { return ::convert(*options), 0; };
          }};
}

program::Command command::quantize() {
  const auto options = std::make_shared<ConvertOptions>();
  return {.name = "quantize",
          .purpose = "Quantises a checkpoint to a .gguf, and reports the error of each tensor.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            arguments.required("FROM", program::path(options->from), "a checkpoint of any kind");
            arguments.required("TO", program::path(options->to), "the .gguf to write");
            arguments.required("TYPE", program::text(options->type), "Q8_0, Q4_0, Q4_K or Q6_K");
            arguments.option("--json", program::flag(options->json), "the report as one JSON object");
            arguments.example("bora quantize FOLDER model.gguf Q4_K");
            return [options] {
              const program::CatchInterrupt until_it_is_written;
              return write_gguf(*options), 0;
            };
          }};
}
