/// What the tests of whole checkpoints share: parameters, files to spoil, and what is thrown at them.
#pragma once
#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/checks.hpp"
#include <bora/io/safetensors_writer.hpp>
#include <bora/model/parameters.hpp>
#include <cstddef>
#include <filesystem>
#include <exception>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace io_test {

using support::TemporaryFolder;

/// A file's tensors, to change and to write again.
struct NumbersOf {
  std::vector<std::size_t> shape;
  std::vector<float> values;
};
using Tensors = std::map<std::string, NumbersOf>;

inline Tensors read_tensors(const std::filesystem::path& file) {
  const bora::SafeTensors tensors(file);
  Tensors all;
  for (const std::string& name : tensors.names()) all[name] = {tensors.entry(name).shape, tensors.read(name)};
  return all;
}
inline void write_tensors(const std::filesystem::path& file, const Tensors& tensors) {
  bora::SafeTensorsWriter out;
  for (const auto& [name, tensor] : tensors) out.add(name, tensor.shape, tensor.values);
  out.write(file);
}

/// Every number another one, so that none can stand in another's place unseen.
template <class S>
bora::Parameters<S> counted_parameters() {
  bora::Parameters<S> parameters;
  float next = 1;
  for (float& value : parameters.values()) value = next++;
  return parameters;
}

using support::same_bits;

/// What `f` throws, as text; empty where it throws nothing.
template <class Thrown, class F>
std::string complaint_of(F&& f) {
  try {
    f();
  } catch (const Thrown& error) {
    return error.what();
  } catch (const std::exception& error) {
    FAIL("another kind of exception: " << error.what());
  }
  return "";
}

inline void check_contains(std::string_view text, std::string_view part) {
  INFO("in: " << text);
  INFO("expected: " << part);
  CHECK(text.find(part) != text.npos);
}

}  // namespace io_test
