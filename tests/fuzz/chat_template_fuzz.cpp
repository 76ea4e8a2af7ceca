// A model's chat template: recognised or refused, in bounded time and memory. And chat turns: no control token but
// those of the template.
#include "fuzz/fuzz.hpp"
#include <bora/io/chat_template_file.hpp>
#include <bora/text/byte_level_tokenizer.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

const bora::Tokenizer& tokenizer() {
  static const bora::Tokenizer made = [] {
    bora::ByteLevelVocabulary vocabulary;
    for (int byte = 0; byte < 256; ++byte) vocabulary.tokens.emplace_back(1, static_cast<char>(byte));
    vocabulary.added_tokens = {{.id = 256, .content = "<s>"},
                               {.id = 257, .content = "</s>"},
                               {.id = 258, .content = "<|im_start|>"},
                               {.id = 259, .content = "<|im_end|>"}};
    vocabulary.facts.bos = 256;
    vocabulary.facts.eos = 257;
    return make_tokenizer(vocabulary);
  }();
  return made;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  fuzz::survives([&] { bora::match_chat_template(bytes, tokenizer()); });
  const bora::Chat chat(tokenizer(), *bora::find_chat_template("chatml"));
  const auto ids = chat.encode(std::vector<bora::ChatTurn>{{bora::ChatRole::user, std::string(bytes)}});
  fuzz::require(std::count_if(ids.begin(), ids.end(), [](bora::TokenId id) { return id >= 256; }) == 3,
                "a turn spells no control token");
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  static const std::vector<std::string> good = {
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
      "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
      "{{ bos_token }}{% for m in messages[1:] if m.role == 'user' %}{% set x = loop.index0 ~ m.content|trim %}{{ x }}"
      "{% else %}{{ raise_exception('none') }}{% endfor %}",
      "{%- macro f(a, b=1) -%}{% set ns = namespace(x=[1, {'a': none}]) %}{% set ns.y = a %}{{ ns.x[0] + b }}"
      "{%- endmacro %}{{ f(2) if messages is defined and not false else 'a'.split('b')[-1] }}"};
  fuzz::Random random(seed);
  return fuzz::give(fuzz::mutated(fuzz::base_of(data, size, good, random)), data, max_size);
}
