// The first page: a model as a type, its weights and its words from a folder, a session, a story.
//
//     build/bin/first_page examples/pocket
// [readme_first_page]
#include <bora/infer.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string_view>

struct Pocket : bora::DecoderSpec {  // a model is a type
  static constexpr std::size_t vocab_size = 1024, dim = 128, layers = 6, context = 512;
  static constexpr bool tie_embeddings = true;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 8, .kv_heads = 4, .head_dim = 32},
                                                bora::SlidingWindow<192>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<128>>;
};

int main(int argc, char** argv) try {
  const bool help = argc == 2 && std::string_view(argv[1]) == "--help";
  if (argc != 2 || argv[1][0] == '-')
    return std::fputs("usage: first_page FOLDER\n", help ? stdout : stderr), help ? 0 : 2;
  const std::filesystem::path folder = argv[1];
  const auto model = bora::load<Pocket, bora::F32>(folder);
  const auto words = bora::load_tokenizer(folder / "tokenizer.json");
  bora::Session session{model};  // keys and values in a ring: the mask is a window
  auto text = words.stream();    // whole characters only
  for (auto t :
       bora::generate(session, words.encode("There once was a rabbit"), {.temperature = 0, .stop = {words.eos()}}))
    std::fputs(text.push(t).c_str(), stdout);
  std::puts(text.finish().c_str());
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw bora::FileError("the text could not be written");
} catch (const std::exception& e) {
  return std::fprintf(stderr, "first_page: %s\n", e.what()), 1;
}
// [/readme_first_page]
