#include "support/catch.hpp"
#include "program/program.hpp"
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

/// What a program's arguments set.
struct Parsed {
  std::filesystem::path folder;
  std::uint64_t steps = 5;
  std::size_t threads = 1;
  double temperature = 0.5, top_p = 1;
  std::string prompt = "Once";
  std::vector<std::string> texts;
  bool lengthen = false;

  explicit Parsed(std::initializer_list<const char*> arguments) {
    std::vector<const char*> argv{"bin/program"};
    argv.insert(argv.end(), arguments);
    program::Arguments declared("Does what it does.");
    declared.required("FOLDER", program::path(folder), "of a model");
    declared.optional("STEPS", program::whole(steps), "of a run");
    declared.optional("TEXT", program::texts(texts), "to continue");
    declared.option("--threads", program::whole(threads, std::size_t{1}, program::most_threads), "at work");
    declared.option("--temperature", program::real(temperature, 0), "of the draws");
    declared.option("--top-p", program::share(top_p), "of probability");
    declared.option("--prompt", program::text(prompt), "how it begins");
    declared.option("--lengthen", program::flag(lengthen), "a run");
    declared.parse(static_cast<int>(argv.size()), argv.data());
  }
};

}  // namespace

TEST_CASE("Arguments that are left out keep their defaults", "[examples]") {
  const Parsed parsed{"folder"};
  CHECK(parsed.folder == "folder");
  CHECK(parsed.steps == 5);
  CHECK(parsed.prompt == "Once");
  CHECK(parsed.texts.empty());
}

TEST_CASE("Options may stand anywhere; texts are taken as they are", "[examples]") {
  const Parsed parsed{"--threads=2", "folder", "12", "[a,b]", "--prompt", "--help", "", "c d", "--top-p", "0.5"};
  CHECK(parsed.threads == 2);
  CHECK(parsed.steps == 12);
  CHECK(parsed.prompt == "--help");
  CHECK(parsed.top_p == 0.5);
  CHECK(parsed.texts == std::vector<std::string>{"[a,b]", "", "c d"});
  CHECK_FALSE(parsed.lengthen);
  CHECK(Parsed{"--lengthen", "folder"}.lengthen);
  CHECK(Parsed{"folder", "--prompt=", "7"}.prompt.empty());
  CHECK(Parsed{"folder", "--prompt=", "7"}.steps == 7);
  CHECK(Parsed{"folder", "7", "--", "-x"}.texts == std::vector<std::string>{"-x"});
}

TEST_CASE("Numbers are read whole and within their range, or refused in a sentence", "[examples]") {
  for (const char* text : {"0", "abc", "3x", "-1", "", "+3", " 3", "3 ", "0x10", "1e3"})
    CHECK_THROWS_WITH((Parsed{"folder", text}),
                      std::string("STEPS is \"") + text + "\", expected a whole number, 1 or more");
  CHECK_THROWS_WITH((Parsed{"folder", "99999999999999999999"}),
                    "STEPS is \"99999999999999999999\", expected a whole number, 1 to 18446744073709551615");
  CHECK_THROWS_WITH((Parsed{"folder", "--threads", "1025"}),
                    "--threads is \"1025\", expected a whole number, 1 to 1024");
  for (const char* text : {"-0.5", "nan", "inf", "", "0,5", "1.0f"})
    CHECK_THROWS_WITH((Parsed{"folder", "--temperature", text}),
                      std::string("--temperature is \"") + text + "\", expected a number, 0 or more");
  for (const char* text : {"0", "1.5"})
    CHECK_THROWS_WITH((Parsed{"folder", "--top-p", text}),
                      std::string("--top-p is \"") + text + "\", expected a number, above 0 and at most 1");
}

TEST_CASE("What is unknown, missing or given twice is said by name", "[examples]") {
  CHECK_THROWS_WITH((Parsed{}), "FOLDER is missing, expected an argument");
  CHECK_THROWS_WITH((Parsed{""}), "FOLDER is \"\", expected a path");
  CHECK_THROWS_WITH((Parsed{"folder", "--nothing"}), "there is no option --nothing");
  CHECK_THROWS_WITH((Parsed{"folder", "-n"}), "there is no option -n");
  CHECK_THROWS_WITH((Parsed{"folder", "--prompt"}), "--prompt has no value, expected one");
  CHECK_THROWS_WITH((Parsed{"folder", "--threads", "1", "--threads", "2"}),
                    "--threads is given 2 times, expected once");
  CHECK_THROWS_WITH((Parsed{"folder", "--lengthen", "--lengthen"}), "--lengthen is given 2 times, expected once");
}

TEST_CASE("An exit code says whether the work failed or the arguments were wrong", "[examples]") {
  const auto run = [](std::vector<const char*> argv, auto work) {
    argv.insert(argv.begin(), "program");
    return program::Arguments("Does what it does.").run(static_cast<int>(argv.size()), argv.data(), work);
  };
  CHECK(run({}, [] {}) == 0);
  CHECK(run({}, [] { return 3; }) == 3);
  CHECK(run({}, []() -> int { throw std::runtime_error("the work failed"); }) == 1);
  CHECK(run({"more"}, [] {}) == 2);
}

TEST_CASE("Ctrl-C is noted while the work wishes it, and the exit code says so", "[examples]") {
  const char* const argv[] = {"program"};
  const auto work = [] {
    const program::CatchInterrupt noted;
    CHECK_FALSE(program::interrupted());
    std::raise(SIGINT);
    program::ProgressLine progress("working");
    CHECK_FALSE(progress(1, 2));
  };
  CHECK(program::Arguments("Works.").run(1, argv, work) == 130);
  const program::CatchInterrupt forgotten;
  CHECK_FALSE(program::interrupted());
}
