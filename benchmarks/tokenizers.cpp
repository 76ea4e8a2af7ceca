// How fast a tokenizer encodes on one core, and whether the time grows with the text alone.
//
//   bin/tokenizers TOKENIZER TEXT_FILE      megabytes (1,000,000 bytes) a second
//   node benchmarks/tokenizers.mjs TOKENIZER.json TEXT_FILE      Hugging Face's own, after `npm install tokenizers`
#include <bora/files/mapped_file.hpp>
#include <bora/io/load_tokenizer.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Result {
  double seconds;
  std::size_t tokens;
};

template <class Work>
Result best_of(int times, Work work) {
  Result best{1e9, 0};
  for (int i = 0; i < times; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const std::size_t tokens = work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (took.count() < best.seconds) best = {took.count(), tokens};
  }
  return best;
}

void print(const char* what, std::size_t bytes, const Result& r) {
  std::printf("%-22s %10zu bytes %9zu tokens %8.1f MB/s\n", what, bytes, r.tokens,
              static_cast<double>(bytes) / r.seconds / 1e6);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) return std::fputs("usage: tokenizers TOKENIZER TEXT_FILE\n", stderr), 2;
  const bora::Tokenizer tokenizer = bora::load_tokenizer(argv[1]);
  const bora::MappedFile file(argv[2]);
  const std::string_view text = file.text();
  constexpr bora::EncodeOptions plain{.bos = false};
  std::printf("%s, %zu ids\n", tokenizer.facts().kind.c_str(), tokenizer.vocab_size());
  for (const std::size_t part : {16, 4, 1})
    print("one text", text.size() / part,
          best_of(5, [&] { return tokenizer.encode(text.substr(0, text.size() / part), plain).size(); }));
  print("lines", text.size(), best_of(5, [&] {
          std::size_t tokens = 0;
          for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
            tokens += tokenizer.encode(text.substr(at, end - at), plain).size();
            at = end;
          }
          return tokens;
        }));
  print("parts of 4 KiB", text.size(), best_of(5, [&] {
          auto stream = tokenizer.encode_stream(plain);
          std::size_t tokens = 0;
          for (std::size_t at = 0; at < text.size(); at += 4096) tokens += stream.push(text.substr(at, 4096)).size();
          return tokens + stream.finish().size();
        }));
  std::string word(1'000'000, 'a');
  for (std::size_t i = 0; i < word.size(); ++i) word[i] = static_cast<char>('a' + (i * i / 7 + i) % 26);
  for (const std::size_t part : {16, 4, 1})
    print("one word", word.size() / part, best_of(3, [&] {
            return tokenizer.encode(std::string_view(word).substr(0, word.size() / part), plain).size();
          }));
  return 0;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "tokenizers: %s\n", error.what()), 1;
}
