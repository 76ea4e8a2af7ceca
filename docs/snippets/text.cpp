// The snippets of tokenizers.md and chat.md.
#include <bora/files/atomic_file.hpp>
#include <bora/io/load_tokenizer.hpp>
#include <bora/text/byte_level_tokenizer.hpp>
#include <bora/text/chat.hpp>
#ifdef BORA_HAS_PCRE2
#include <bora/text/pcre2.hpp>
#endif
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <istream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

// [show_tokenizer]
void show(const std::filesystem::path& folder) {
  const bora::Tokenizer words = bora::load_tokenizer(folder);
  const std::vector<bora::TokenId> ids = words.encode("Some text.");
  std::printf("%zu ids of %zu: %s\n", ids.size(), words.vocab_size(), words.decode(ids).c_str());
  auto text = words.stream();  // whole characters only
  for (const bora::TokenId id : ids) std::fputs(text.push(id).c_str(), stdout);
  std::puts(text.finish().c_str());
}
// [/show_tokenizer]

// [load_with_pcre2]
bora::Tokenizer load_with_pcre2(const std::filesystem::path& path) {
#ifdef BORA_HAS_PCRE2
  return bora::load_tokenizer(path, {.patterns = bora::pcre2_pattern});
#else
  return bora::load_tokenizer(path);
#endif
}
// [/load_with_pcre2]

// [count-tokens]
std::size_t count_tokens(const bora::Tokenizer& tokenizer, std::istream& text) {
  auto stream = tokenizer.encode_stream();
  std::size_t count = 0;
  for (std::string part(65'536, ' '); text.read(part.data(), 65'536) || text.gcount() > 0;)
    count += stream.push(std::string_view(part).substr(0, static_cast<std::size_t>(text.gcount()))).size();
  return count + stream.finish().size();
}
// [/count-tokens]

std::vector<bora::TokenId> answer_of(const std::vector<bora::TokenId>&, const std::vector<bora::TokenId>& stop) {
  return {'x', stop.front()};
}

// [converse]
void converse(const bora::Tokenizer& tokenizer) {
  bora::Chat chat(tokenizer, *bora::find_chat_template("chatml"), {.system = "Be brief."});
  std::vector<bora::TokenId> seen;  // what a session would hold
  for (const char* question : {"Who wrote Faust?", "And when?"}) {
    const std::vector<bora::TokenId> turn = chat.begin_turn(question);  // only what is new
    seen.insert(seen.end(), turn.begin(), turn.end());
    const std::vector<bora::TokenId> answer = answer_of(seen, chat.stop());
    seen.insert(seen.end(), answer.begin(), answer.end());
    chat.end_turn(answer);
  }
}
// [/converse]

bora::Tokenizer bytes_and_marks() {
  bora::ByteLevelVocabulary vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary.tokens.emplace_back(1, static_cast<char>(byte));
  vocabulary.added_tokens = {{.id = 256, .content = "<|im_start|>"}, {.id = 257, .content = "<|im_end|>"}};
  return make_tokenizer(vocabulary);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) return std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  bora::write_file(folder / "config.json", R"({"vocab_size": 256})");
  show(folder);
  std::istringstream text("Some text.");
  if (count_tokens(load_with_pcre2(folder), text) != 10) return 1;
  converse(bytes_and_marks());
} catch (const std::exception& error) {
  return std::fprintf(stderr, "text: %s\n", error.what()), 1;
}
