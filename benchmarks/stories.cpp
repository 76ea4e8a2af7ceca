// How fast a small model decodes: stories260K from its Hugging Face folder, greedy, best and median of many runs.
//
//     ninja -C build stories && build/bin/stories FOLDER [THREADS]
#include <bora/infer.hpp>
#include <bora/model/zoo/llama.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

namespace {

template <bora::WeightFormat Format>
void measure(const char* folder, bora::Executor& pool) {
  constexpr std::size_t tokens = 256, repeats = 40;
  const auto model = bora::load<bora::Stories260K, Format>(folder);
  bora::Session session{model, {.pool = &pool}};
  std::vector<double> rates;
  for (std::size_t r = 0; r < repeats; ++r) {
    session.reset();
    const auto start = std::chrono::steady_clock::now();
    bora::TokenId token = 1;
    for (std::size_t i = 0; i < tokens; ++i) token = bora::largest_logit(session.step(token));
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    rates.push_back(tokens / time.count());
  }
  std::sort(rates.begin(), rates.end());
  std::printf("%s: %.0f tokens/s (median of %zu; best %.0f)\n", Format::name.data(), rates[repeats / 2], repeats,
              rates.back());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: %s FOLDER [THREADS]\n", argv[0]), 2;
  try {
    bora::ThreadPool pool{argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1};
    measure<bora::F32>(argv[1], pool);
    measure<bora::Bf16>(argv[1], pool);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "stories: %s\n", e.what());
    return 1;
  }
}
