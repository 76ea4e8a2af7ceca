#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include <bora/io/json.hpp>
#include <cfenv>
#include <cstddef>
#include <string>

namespace {

using bora::Json;

std::string refusal(const std::string& text) {
  return support::refusal("config.json", [&] { bora::parse_json(text, "config.json"); });
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

const Json config = bora::parse_json(
    R"({"name": "llama", "dim": 64, "eps": 1e-5, "theta": 10000, "tied": true, "window": null, "below": -1,
        "scaling": {"factor": 8.0}, "list": [1, 2]})",
    "config.json");

std::string refused(auto getter) {
  return support::refusal("config.json", [&] { getter(); });
}

}  // namespace

TEST_CASE("JSON is parsed to its values", "[io]") {
  CHECK(config.size() == 9);
  CHECK(config.at("scaling").at("factor") == 8.0);
  CHECK(bora::parse_json(" [1, \"\\u00e9\", \"é\"]\n", "f")[1] == "é");
  CHECK(bora::parse_json("18446744073709551615", "f") == 18446744073709551615u);
}

TEST_CASE("What is not strict JSON is refused with its place", "[io]") {
  struct Case {
    std::string text, expected;
  };
  const std::string zero(1, '\0');
  const Case cases[] = {
      {"", "is not valid JSON: line 1, column 1: unexpected end of input"},
      {"{\"a\": 1", "is not valid JSON: line 1, column 8: unexpected end of input"},
      {"{\n  \"a\": 1,\n}", "is not valid JSON: line 3, column 1: unexpected '}'"},
      {"{\"a\": NaN}", "line 1, column 7: invalid literal"},
      {"{\"a\": Infinity}", "line 1, column 7: invalid literal"},
      {"{\"a\": 1e999}", "is not valid JSON: number overflow"},
      {"{\"a\": " + std::string(5'000, '9') + "e999}", "9999…"},
      {"{\"a\": 01}", "line 1, column 8: unexpected number literal"},
      {"{\"a\": 1} // no", "invalid literal"},
      {"{\"a\": 1} {}", "line 1, column 10: unexpected '{'"},
      {"{'a': 1}", "line 1, column 2: invalid literal"},
      {"[\"\xff\"]", "ill-formed UTF-8"},
      {"[\"a\nb\"]", "control character"},
      {"{}" + zero + "[", "is not valid JSON: line 1, column 3: a zero byte"},
      {"{\"a\": 1, \"b\": 2, \"a\": 3}", "key 'a' occurs twice in one JSON object"},
      {"{\"a\": 1, \"\\u0061\": 3}", "key 'a' occurs twice"},
      {"[{\"a\": {\"b\": {}, \"b\": {}}}]", "key 'b' occurs twice"},
      {nested(65), "nested deeper than 64"},
      {std::string(1'000'000, '['), "nested deeper than 64"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text.substr(0, 40));
    CHECK(support::lacks(refusal(text), expected) == "");
    CHECK(refusal(text).size() < 400);  // a sentence, whatever the file holds
  }
}

TEST_CASE("A key may occur again in another object", "[io]") {
  CHECK(refusal(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]})") == "accepted");
  CHECK(refusal(nested(64)) == "accepted");
}

TEST_CASE("One line of a file is refused with its number, once", "[io]") {
  const auto complaint = [](const std::string& text) {
    return support::refusal("", [&] { bora::parse_json(text, "a.jsonl", {.line = 2}); });
  };
  CHECK(support::lacks(complaint("{\"a\": NaN}"), "a.jsonl, line 2, column 7: is not valid JSON: invalid literal") ==
        "");
  CHECK(support::lacks(complaint(std::string("{\0}", 3)), "a.jsonl, line 2, column 2: is not valid JSON: a zero") ==
        "");
  CHECK(support::lacks(complaint("[1e999]"), "a.jsonl, line 2: is not valid JSON: number overflow") == "");
  CHECK(support::lacks(complaint(R"({"a": 1, "a": 2})"), "a.jsonl, line 2: key 'a' occurs twice") == "");
  CHECK(support::lacks(complaint(nested(65)), "a.jsonl, line 2: JSON values are nested deeper") == "");
}

TEST_CASE("Many small JSON values take time linear in the text", "[io]") {
  std::string objects = "[{}", members = "{\"k0\":[]";
  for (int i = 1; i < 100'000; ++i) objects += ",{}";
  for (int i = 1; i < 50'000; ++i) members += ",\"k" + std::to_string(i) + "\":[{}]";
  CHECK(bora::parse_json(objects + "]", "f").size() == 100'000);  // seconds, if each looked through all before it
  CHECK(bora::parse_json(members + "}", "f").size() == 50'000);
}

TEST_CASE("JSON values take no more memory than is allowed, whatever the text", "[io]") {
  const auto complaint = [](const std::string& text) {
    return support::refusal("f", [&] { bora::parse_json(text, "f", {.memory = 10'000}); });
  };
  const auto many = [](const std::string& one) {
    std::string text = "[0";
    for (int i = 0; i < 1'000; ++i) text += "," + one;
    return text + "]";
  };
  const std::string sentence = "holds JSON values that take more than 10000 bytes of memory, expected no more";
  for (const char* one : {"1", "\"\"", "[]", "{}", "{\"\":0}", "null"}) CHECK(complaint(many(one)) == sentence);
  CHECK(complaint("[\"" + std::string(10'000, 'a') + "\"]") == sentence);
  CHECK(complaint("{\"" + std::string(10'000, 'a') + "\": 1}") == sentence);
  CHECK(complaint("[1, \"a\", {\"b\": []}]") == "accepted");
}

TEST_CASE("Members of JSON objects come in the kind that is asked for", "[io]") {
  CHECK(bora::require_string(config, "name", "f") == "llama");
  CHECK(bora::require_size(config, "dim", "f") == 64);
  CHECK(bora::require_number(config, "eps", "f") == 1e-5);
  CHECK(bora::require_number(config, "theta", "f") == 1e4);
  CHECK(bora::require_bool(config, "tied", "f"));
  CHECK(bora::require_array(config, "list", "f").size() == 2);
  CHECK(bora::require_number(bora::require_object(config, "scaling", "f"), "factor", "f", "scaling") == 8);
  CHECK(bora::optional_size(config, "dim", "f") == 64u);
  CHECK(bora::optional_size(Json{{"made_here", 3}}, "made_here", "f") == 3u);
}

TEST_CASE("Null and absent members of JSON objects are the same", "[io]") {
  for (const char* key : {"window", "absent"}) {
    CHECK_FALSE(bora::optional_string(config, key, "f"));
    CHECK_FALSE(bora::optional_size(config, key, "f"));
    CHECK_FALSE(bora::optional_number(config, key, "f"));
    CHECK_FALSE(bora::optional_bool(config, key, "f"));
    CHECK(bora::optional_object(config, key, "f") == nullptr);
    CHECK(bora::optional_array(config, key, "f") == nullptr);
  }
}

TEST_CASE("A member of another kind is refused with key, found and expected", "[io]") {
  const std::filesystem::path file = "config.json";
  CHECK(refused([&] { bora::require_size(config, "window", file); }) ==
        "key 'window' is null, expected a whole number from 0");
  CHECK(refused([&] { bora::require_object(config, "absent", file); }) == "has no key 'absent', expected an object");
  CHECK(refused([&] { bora::optional_size(config, "eps", file); }) ==
        "key 'eps' is the number 1e-05, expected a whole number from 0");
  CHECK(refused([&] { bora::optional_size(config, "below", file); }) ==
        "key 'below' is -1, expected a whole number from 0");
  CHECK(refused([&] { bora::optional_string(config, "dim", file); }) == "key 'dim' is 64, expected a string");
  CHECK(refused([&] { bora::optional_number(config, "name", file); }) ==
        "key 'name' is the string 'llama', expected a number");
  CHECK(refused([&] { bora::optional_bool(config, "list", file); }) ==
        "key 'list' is an array, expected true or false");
  CHECK(refused([&] { bora::optional_array(config, "scaling", file); }) ==
        "key 'scaling' is an object, expected an array");
  CHECK(refused([&] { bora::optional_object(config, "tied", file); }) == "key 'tied' is true, expected an object");
  CHECK(refused([&] { bora::require_string(config.at("scaling"), "type", file, "scaling"); }) ==
        "has no key 'scaling.type', expected a string");
}

TEST_CASE("A JSON file is read and named in what it is refused with", "[io]") {
  const support::TemporaryFolder folder;
  CHECK(bora::read_json(folder.file("good.json", "{\"a\": [1]}")).at("a").size() == 1);
  const auto bad = folder.file("bad.json", "{");
  CHECK(support::lacks(support::refusal(bad, [&] { bora::read_json(bad); }), "is not valid JSON") == "");
  CHECK(support::refusal(folder / "none", [&] { bora::read_json(folder / "none"); }) == "does not exist");
  const auto huge = folder.file("huge.json", "[1]");
  std::filesystem::resize_file(huge, 100'000'001);  // a hole
  CHECK(support::refusal(huge, [&] { bora::read_json(huge); }) ==
        "is 100000001 bytes long, expected at most 100000000 of JSON");
  CHECK(support::refusal(huge, [&] { bora::read_json(huge, bora::json_settings); }) ==
        "is 100000001 bytes long, expected at most 10000000 of JSON");
}

TEST_CASE("Text becomes a JSON string, or is refused where it is no UTF-8", "[io]") {
  CHECK(bora::json_string("a\"\\\n") == R"("a\"\\\n")");
  CHECK_THROWS_AS(bora::json_string("\xc3"), bora::ConfigError);
}

TEST_CASE("Numbers are read alike in whatever rounding the caller has", "[io]") {
  const auto number = [] { return bora::parse_json("1e-5", "a").get<double>(); };
  const double nearest = number();
  std::fesetround(FE_DOWNWARD);
  const double down = number();
  const int after = std::fegetround();
  std::fesetround(FE_TONEAREST);
  CHECK(down == nearest);
  CHECK(after == FE_DOWNWARD);
}
