// A model as a folder that is mapped: `bora pack`.
#include "commands.hpp"
#include "opened.hpp"
#include "text_files.hpp"
#include <bora/any/packed_folder.hpp>
#include <bora/io/open_checkpoint.hpp>
#include <cstdio>
#include <memory>

namespace {

namespace fs = std::filesystem;

struct PackOptions {
  command::ModelOptions model;
  fs::path folder;
};

void pack(const PackOptions& o) {
  const program::CatchInterrupt until_it_is_written;
  const auto model = o.model.open();
  bora::save_packed(*model, bora::describe(o.model.path), o.folder);
  command::copy_text_files(o.model.path, o.folder);
  std::fprintf(stderr, "%.1f MiB of weights in %s\n", static_cast<double>(model->info().weight_bytes) / 0x1p20,
               model->info().format.c_str());
}

}  // namespace

program::Command command::pack() {
  const auto options = std::make_shared<PackOptions>();
  return {.name = "pack",
          .purpose = "Writes a folder whose weights are mapped, not read: a model starts at once from it.",
          .declare = [options](program::Arguments& arguments) -> std::function<int()> {
            options->model.declare(arguments);
            arguments.required("FOLDER", program::path(options->folder), "where to write config.json and model.packed");
            arguments.example("bora pack model.gguf packed --format Q4 && bora run packed 'Once upon a time'");
            return [options] { return ::pack(*options), 0; };
          }};
}
