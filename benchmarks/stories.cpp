// How fast a small model decodes: stories260K from its folder, greedy; by turns with the `run` of llama2.c where its
// path is given (gcc -Ofast -march=native run.c -lm -o run).
//
//     ninja -C build stories && build/bin/stories FOLDER [THREADS] [RUN]
#include <program/program.hpp>
#include <bora/infer.hpp>
#include <bora/model/zoo/llama.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

namespace {

constexpr std::size_t tokens = 256, rounds = 8, runs_a_round = 10;

/// Seconds of stories. run.c counts whole milliseconds, 15 or 16 of them, so a median would be one of the two: the mean
/// it is, without the fastest and the slowest tenth.
struct Times {
  std::vector<double> seconds;
  double rate() {
    std::sort(seconds.begin(), seconds.end());
    const auto tenth = static_cast<std::ptrdiff_t>(seconds.size() / 10);
    const double sum = std::accumulate(seconds.begin() + tenth, seconds.end() - tenth, 0.0);
    return static_cast<double>(tokens) * static_cast<double>(seconds.size() - 2 * (seconds.size() / 10)) / sum;
  }
};

/// Seconds of one story.
template <class Session>
double tell(Session& session) {
  session.reset();
  const auto start = std::chrono::steady_clock::now();
  bora::TokenId token = 1;
  for (std::size_t i = 0; i < tokens; ++i) token = bora::largest_logit(session.step(token));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The same by llama2.c's program, from the rate it prints.
double tell_by(const std::string& run, const std::string& folder) {
  const std::string command = "'" + run + "' '" + folder + "/stories260K.bin' -z '" + folder + "/tok512.bin' -t 0 -n " +
                              std::to_string(tokens) + " 2>&1 >/dev/null";
  std::FILE* output = popen(command.c_str(), "r");
  if (output == nullptr) throw bora::Error("cannot start " + run);
  double rate = 0;
  char line[256];
  while (std::fgets(line, sizeof line, output) != nullptr) std::sscanf(line, "achieved tok/s: %lf", &rate);
  if (pclose(output) != 0 || rate == 0) throw bora::Error(run + " printed no rate; its arguments: " + command);
  return tokens / rate;
}

void measure(const std::string& folder, std::size_t threads, const std::string& run) {
  bora::ThreadPool pool{threads};
  const auto f32 = bora::load<bora::Stories260K, bora::F32>(folder);
  const auto bf16 = bora::load<bora::Stories260K, bora::Bf16>(folder);
  bora::Session in_f32{f32, {.pool = &pool}};
  bora::Session in_bf16{bf16, {.pool = &pool}};
  Times peer, full, half;
  for (std::size_t round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < runs_a_round; ++i) {
      if (!run.empty()) peer.seconds.push_back(tell_by(run, folder));
      full.seconds.push_back(tell(in_f32));
      half.seconds.push_back(tell(in_bf16));
    }
  const double other = run.empty() ? 0 : peer.rate();
  const auto print = [&](const char* name, Times& times) {
    std::printf("%-12s %7.0f tokens/s", name, times.rate());
    if (other != 0) std::printf("   %.2f times run.c", times.rate() / other);
    std::printf("\n");
  };
  std::printf("%s, %zu threads, trimmed means of %zu stories of %zu tokens\n", bora::simd::target_name().c_str(),
              threads, rounds * runs_a_round, tokens);
  if (other != 0) print("run.c", peer);
  print("bora, F32", full);
  print("bora, Bf16", half);
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder, run;
  std::size_t threads = 1;
  program::Arguments arguments("Measures how fast stories260K decodes.");
  arguments.required("FOLDER", program::text(folder), "holds stories260K.bin and tok512.bin");
  arguments.optional("THREADS", program::whole(threads, std::size_t{1}, program::most_threads), "at work");
  arguments.optional("RUN", program::text(run), "llama2.c's program, to compare with");
  return arguments.run(argc, argv, [&] { measure(folder, threads, run); });
}
