/// Two models of one type and their sessions, so small that they are saved and loaded thousands of times; and processes
/// to save them in.
#pragma once
#include "io/small_models.hpp"
#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/infer/session_file.hpp>
#include <bora/io/load.hpp>
#include <bora/io/save.hpp>
#include <algorithm>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace robust {

using support::TemporaryFolder;
using Spec = io_test::Llama;
using Parameters = bora::Parameters<Spec>;
using Model = bora::Decoder<Spec, bora::F32>;
using Session = bora::Session<Model>;

inline constexpr bora::SaveOptions one_file{}, several_files{.max_shard_bytes = 3'000};
/// Nearly one for each tensor: the more there are, the longer a mixture could be read.
inline constexpr bora::SaveOptions many_files{.max_shard_bytes = 600};

/// All numbers the same, so that a mixture of two checkpoints is seen.
inline Parameters filled(float value) {
  Parameters parameters;
  std::ranges::fill(parameters.values(), value);
  return parameters;
}
/// The number that all of them are; 0 where they differ.
inline float value_of(const Parameters& parameters) {
  const float first = parameters.values().front();
  for (const float value : parameters.values())
    if (value != first) return 0;
  return first;
}

inline const Model& model() {
  static const Model model = bora::random_model<Spec, bora::F32>(1);
  return model;
}
inline void fill(Session& session, std::size_t length) {
  session.reset();
  session.prefill(std::vector<bora::TokenId>(length, 3));
}

/// What `action` is refused with, whatever the kind of error; "accepted" where it is not.
template <class Action>
std::string refused(Action&& action) {
  try {
    action();
  } catch (const bora::Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("no error of the library: ") + error.what();
  }
  return "accepted";
}

/// Runs `action` in a process of its own, which shares nothing with this one but its files.
template <class Action>
pid_t start_process(Action&& action) {
  const pid_t process = ::fork();
  if (process != 0) return process;
  try {
    action();
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}
inline int wait_for(pid_t process) {
  int status = 0;
  ::waitpid(process, &status, 0);
  return status;
}

}  // namespace robust
