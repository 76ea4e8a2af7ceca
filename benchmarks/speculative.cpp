// What speculative decoding gains or loses on the model that comes with the library: tokens a second of `generate` and
// of `generate_speculative` with prompt lookup and with the model as its own draft (which is always right, and so shows
// what a pass of several tokens costs), by turns, medians.
//
//     cmake -S . -B build -G Ninja -DBORA_BUILD_BENCHMARKS=ON -DBORA_BUILD_TESTS=OFF
//     ninja -C build speculative && build/bin/speculative examples/pocket [THREADS]
#include "pocket.hpp"
#include <bora/infer.hpp>
#include <bora/infer/speculative.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <vector>

namespace {

using Tokens = std::vector<bora::TokenId>;

double seconds_of(auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

/// A session of its own for a text, and how it is drawn.
struct Case {
  const char* name;
  double temperature;
  std::size_t most;  // drafts; 0: plain
  bool lookup;
  std::vector<double> rates = {};
  bora::SpeculationCounts counts = {};
};

template <class Model>
void run(Case& c, const Model& model, const Tokens& prompt, bora::Executor* pool) {
  constexpr std::size_t tokens = 300;
  const bora::GenerateOptions options{.temperature = c.temperature, .max_tokens = tokens, .seed = 1};
  const bora::SessionOptions sizes{.rewind = 16, .scored = 17, .pool = pool};
  bora::Session session{model, sizes}, drafting{model, sizes};
  bora::PromptLookup lookup;
  bora::DraftModel draft{drafting};
  const auto speculate = [&](auto& drafts) {
    auto text = bora::generate_speculative(session, drafts, prompt, options, c.most);
    for ([[maybe_unused]] const bora::TokenId t : text) {
    }
    c.counts = text.counts();
  };
  c.rates.push_back(tokens / seconds_of([&] {
                      if (c.most == 0)
                        for ([[maybe_unused]] const bora::TokenId t : bora::generate(session, prompt, options)) {
                        }
                      else if (c.lookup)
                        speculate(lookup);
                      else
                        speculate(draft);
                    }));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2 || argc > 3) return std::fprintf(stderr, "usage: %s FOLDER [THREADS]\n", argv[0]), 2;
  const std::filesystem::path folder = argv[1];
  bora::ThreadPool pool{argc > 2 ? std::max(1ul, std::strtoul(argv[2], nullptr, 10)) : 1ul};
  const auto model = bora::load<Pocket, bora::F32>(folder);
  const Tokens prompt = bora::load_tokenizer(folder / "tokenizer.json").encode("There once was a rabbit");
  std::vector<Case> cases;
  for (const double temperature : {0.0, 0.8}) {
    cases.push_back({"plain", temperature, 0, false});
    for (const std::size_t most : {2, 4, 8}) cases.push_back({"prompt lookup", temperature, most, true});
    for (const std::size_t most : {4, 8, 16}) cases.push_back({"its own draft", temperature, most, false});
  }
  for (int repeat = 0; repeat < 9; ++repeat)
    for (Case& c : cases) run(c, model, prompt, pool.lanes() == 1 ? nullptr : &pool);
  double plain = 0;
  for (const Case& c : cases) {
    const double rate = median(c.rates);
    if (c.most == 0) plain = rate;
    std::printf("temperature %.1f  %-14s %2zu drafts  %8.0f tokens/s  %5.2f of plain", c.temperature, c.name, c.most,
                rate, rate / plain);
    if (c.counts.passes != 0)
      std::printf("  %3.0f %% of the drafts right, %.2f tokens a pass",
                  100.0 * static_cast<double>(c.counts.accepted) /
                      static_cast<double>(std::max<std::size_t>(1, c.counts.drafted)),
                  299.0 / static_cast<double>(c.counts.passes));
    std::printf("\n");
  }
} catch (const std::exception& error) {
  return std::fprintf(stderr, "speculative: %s\n", error.what()), 1;
}
