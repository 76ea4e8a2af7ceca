#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/io/generation_config.hpp>
#include <string>
#include <vector>

namespace {

using Ids = std::vector<bora::TokenId>;

/// A folder with one or both of the files; an empty text: none.
struct Folder {
  Folder(const std::string& generation, const std::string& config) {
    if (!generation.empty()) folder.file("generation_config.json", generation);
    if (!config.empty()) folder.file("config.json", config);
  }
  Ids ids() const { return bora::stop_ids(folder.path()); }
  support::TemporaryFolder folder;
};

std::string refused(const std::string& generation) {
  const Folder folder(generation, "");
  return support::refusal(folder.folder / "generation_config.json", [&] { folder.ids(); });
}

}  // namespace

TEST_CASE("The ids that end a text are a number or a list", "[io]") {
  CHECK(Folder(R"({"eos_token_id": 2})", "").ids() == Ids{2});
  CHECK(Folder(R"({"eos_token_id": [128001, 128008, 128009]})", "").ids() == Ids{128001, 128008, 128009});
  CHECK(Folder(R"({"eos_token_id": [7, 3]})", "").ids() == Ids{7, 3});
  CHECK(Folder(R"({"eos_token_id": 2147483647})", "").ids() == Ids{2147483647});
  CHECK(Folder("", R"({"eos_token_id": [1, 106]})").ids() == Ids{1, 106});
}

TEST_CASE("generation_config.json names the ids that end a text before config.json does", "[io]") {
  CHECK(Folder(R"({"eos_token_id": [5, 6]})", R"({"eos_token_id": 2})").ids() == Ids{5, 6});
  CHECK(Folder(R"({"eos_token_id": null})", R"({"eos_token_id": 2})").ids() == Ids{2});
  CHECK(Folder(R"({"eos_token_id": []})", R"({"eos_token_id": 2})").ids() == Ids{2});
  CHECK(Folder("{}", R"({"eos_token_id": 2})").ids() == Ids{2});
}

TEST_CASE("A folder may name no id that ends a text", "[io]") {
  CHECK(Folder("", "").ids().empty());
  CHECK(Folder("{}", "{}").ids().empty());
  CHECK(Folder("", R"({"eos_token_id": null})").ids().empty());
}

TEST_CASE("The ids that end a text are found beside a file of weights", "[io]") {
  const Folder folder(R"({"eos_token_id": 9})", "");
  CHECK(bora::stop_ids(folder.folder.file("model.safetensors", "x")) == Ids{9});
  const auto none = folder.folder / "none";
  CHECK(support::refusal(none, [&] { bora::stop_ids(none); }) == "does not exist");
}

TEST_CASE("What is no token id is refused with file and key", "[io]") {
  CHECK(refused(R"({"eos_token_id": -1})") == "key 'eos_token_id' is -1, expected a token id from 0 to 2147483647");
  CHECK(refused(R"({"eos_token_id": 2147483648})") ==
        "key 'eos_token_id' is 2147483648, expected a token id from 0 to 2147483647");
  CHECK(support::lacks(refused(R"({"eos_token_id": 1.5})"), "key 'eos_token_id' is the number 1.5, expected") == "");
  CHECK(support::lacks(refused(R"({"eos_token_id": "</s>"})"), "key 'eos_token_id' is the string '</s>'") == "");
  CHECK(support::lacks(refused(R"({"eos_token_id": {"a": 1}})"), "key 'eos_token_id' is an object") == "");
  CHECK(support::lacks(refused(R"({"eos_token_id": [1, null]})"), "key 'eos_token_id[1]' is null, expected") == "");
  CHECK(support::lacks(refused(R"({"eos_token_id": [1, [2]]})"), "key 'eos_token_id[1]' is an array") == "");
  CHECK(refused("[1]") == "is an array, expected an object");
  CHECK(support::lacks(refused("{"), "is not valid JSON") == "");
}
