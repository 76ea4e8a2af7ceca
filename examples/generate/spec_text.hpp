// What to add for a checkpoint that no compiled model fits: the source of one. It is said to fit only where `load` of
// the type that is printed would take the config and the tensors, and where the tokenizer can be read.
#pragma once
#include "generate.hpp"
#include <bora/core/error.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <bora/model/description.hpp>
#include <bora/model/spec_text.hpp>
#include <filesystem>
#include <optional>
#include <string>

namespace spec_text {

/// The source of a type that fits.
inline std::string source_of(const bora::ModelDescription& model) {
  return R"(This fits. Save it as examples/generate/mine.cpp, declare attempt_mine in generate.hpp as the others are, add
it to `attempts` there, and build `generate` again.

#include "run.hpp"

)" + bora::spec_text(model) +
         R"(
std::optional<std::string> generate::attempt_mine(const Options& options) {
  return attempt<Mine, bora::Bf16>(options);
}
)";
}

/// What `check` throws, as a line; nothing where it throws nothing.
template <class Check>
std::string complaint(Check&& check) {
  try {
    check();
  } catch (const bora::Error& error) {
    return "\n  " + std::string(error.what());
  }
  return "";
}

/// What to add for the checkpoint at `path`: the type, or why no type would do.
inline std::string for_checkpoint(const std::filesystem::path& path) {
  std::optional<bora::ModelDescription> model;
  std::string reasons = complaint([&] { model = bora::describe(path); });
  if (model) reasons = complaint([&] { bora::check_checkpoint(path, *model); });
  generate::Options options;
  options.model = path;
  const std::string no_text = complaint([&] { generate::begin_text(options, model ? model->vocab_size : 0); });
  if (!reasons.empty()) return "No type would do for it as it is:" + reasons + (model ? no_text : "");
  if (no_text.empty()) return source_of(*model);
  return "It has no text that could be read:" + no_text +
         "\nThis type runs on its token ids, as the programs of examples/zoo/ do:\n\n" + bora::spec_text(*model);
}

}  // namespace spec_text
