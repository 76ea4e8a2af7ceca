// The model that a command works on: how it is named and opened.
#pragma once
#include "../program/program.hpp"
#include <bora/any/any_model.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

namespace command {

/// The arguments that all commands of a model have.
struct ModelOptions {
  std::filesystem::path path;
  std::string format;       ///< empty: the nearest to the file's
  std::size_t threads = 0;  ///< 0: the cores that the program may use

  void declare(program::Arguments& arguments);
  /// Loads the model, with a line that says how far it is; a model of a new shape is compiled first.
  /// \param otherwise  the format where none was given
  std::unique_ptr<bora::AnyModel> open(const std::string& otherwise = "") const;
};

}  // namespace command
