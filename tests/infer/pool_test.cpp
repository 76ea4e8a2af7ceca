#include "support/catch.hpp"
#include "support/checks.hpp"
#include <bora/core/executor.hpp>
#include <bora/infer/session.hpp>
#include <bora/model/spec.hpp>
#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>
#if defined(__linux__)
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using bora::ThreadPool;
using support::refusal;

struct Small : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 23, dim = 16, layers = 1, context = 32;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 2, .kv_heads = 1, .head_dim = 8}, bora::Causal,
                                                bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<24>;
};

/// What each way of running the session says.
template <class Session>
std::vector<std::string> sentences(Session& session) {
  const std::vector<bora::BatchToken> one{{0, 1}};
  return {refusal<bora::Error>([&] { session.prefill(std::vector<bora::TokenId>{1, 2}); }),
          refusal<bora::Error>([&] { session.step(1); }), refusal<bora::Error>([&] { session.batch().step(one); })};
}

}  // namespace

TEST_CASE("A session whose pool was destroyed says so, and changes nothing", "[infer]") {
  const auto model = bora::random_model<Small, bora::F32>(1);
  auto pool = std::make_unique<ThreadPool>(2);
  bora::Session session{model, {.pool = pool.get()}};
  session.step(3);
  pool.reset();
  for (const std::string& sentence : sentences(session))
    CHECK(sentence == "Session: its pool was destroyed; a pool must outlive those who were given it");
  CHECK(session.length() == 1);
}

TEST_CASE("A session that a lane of its own pool runs is refused, and changes nothing", "[infer][threads]") {
  const auto model = bora::random_model<Small, bora::F32>(1);
  ThreadPool pool(2);
  bora::Session session{model, {.pool = &pool}};
  session.step(3);
  std::vector<std::string> said;
  pool.run([&](std::size_t lane) noexcept {
    if (lane == 1) said = sentences(session);
  });
  REQUIRE(said.size() == 3);
  for (const std::string& sentence : said)
    CHECK(sentence.find("a lane of this pool asked the same pool to run something") != sentence.npos);
  CHECK(session.length() == 1);
  CHECK(sentences(session) == std::vector<std::string>(3, "accepted"));
}

#if defined(__linux__)
TEST_CASE("A session of a process that forked is refused in the child, and works without a pool", "[infer]") {
  const auto model = bora::random_model<Small, bora::F32>(1);
  ThreadPool pool(2);
  bora::Session session{model, {.pool = &pool}}, alone{model};
  session.step(3);
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto said = sentences(session);
    const bool refused = std::all_of(said.begin(), said.end(), [](const std::string& sentence) {
      return sentence.find("make another pool after fork()") != sentence.npos;
    });
    const bool accepted = sentences(alone) == std::vector<std::string>(3, "accepted");
    ::_exit(refused && accepted && session.length() == 1 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(sentences(session) == std::vector<std::string>(3, "accepted"));
}
#endif
