#include "infer/tiny.hpp"
#include <bora/core/executor.hpp>
#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using bora::Session;
using bora::SessionOptions;
using tiny::Logits;
using tiny::Tokens;

template <std::size_t window>
using Windowed = tiny::Masked<bora::SlidingWindow<window>>;
using Whole = tiny::Masked<bora::Causal>;
template <class Spec>
using F32Model = bora::Decoder<Spec, bora::F32>;
template <class Spec, class Cache>
using SessionOn = Session<F32Model<Spec>, Cache>;

template <class Model>
Logits prefill_logits(const Model& model, const Tokens& tokens, const SessionOptions& options) {
  Session session{model, options};
  return tiny::copy(session.prefill(tokens));
}

/// An executor that has nobody to work.
struct Nobody : bora::Executor {
  std::size_t lanes() const noexcept override { return 0; }
  void run_on_lanes(Function, void*) override {}
};

template <class Model>
void check_chunks(const Model& model) {
  const Tokens tokens = tiny::text(1, 61);
  const Logits want = prefill_logits(model, tokens, {.chunk = tokens.size()});
  for (const std::size_t chunk : {1, 2, 3, 7, 16, 17, 33, 60, 1'000}) {
    CHECK(tiny::same_bits(prefill_logits(model, tokens, {.chunk = chunk}), want));
    Session session{model};
    CHECK(tiny::same_bits(session.prefill(tokens, {.chunk = chunk}), want));
  }
  Session session{model};
  Logits last;
  for (const bora::TokenId token : tokens) last = tiny::copy(session.step(token));
  CHECK(tiny::same_bits(last, want));
}

template <class Model>
void check_threads(const Model& model) {
  const Tokens tokens = tiny::text(2, 61);
  const Logits want = prefill_logits(model, tokens, {});
  for (const std::size_t threads : {1, 2, 3, 5}) {
    bora::ThreadPool pool(threads, bora::WhenCrowded::keep_all_lanes);
    CHECK(tiny::same_bits(prefill_logits(model, tokens, {.chunk = 20, .pool = &pool}), want));
    Session session{model, {.pool = &pool}};
    session.prefill(std::span(tokens).first(55));
    Logits last;
    for (std::size_t i = 55; i < tokens.size(); ++i) last = tiny::copy(session.step(tokens[i]));
    CHECK(tiny::same_bits(last, want));
  }
}

}  // namespace

TEST_CASE("Logits do not depend on how a prompt is cut", "[infer]") {
  SECTION("the whole text") { check_chunks(tiny::model<Whole>()); }
  SECTION("chunks longer than the window") { check_chunks(tiny::model<Windowed<5>>()); }
  SECTION("a window as long as a run") { check_chunks(tiny::model<Windowed<16>>()); }
  SECTION("experts") { check_chunks(tiny::model<tiny::Experts>()); }
  SECTION("ALiBi") { check_chunks(tiny::model<tiny::WithAlibi>()); }
  SECTION("T5's bias") { check_chunks(tiny::model<tiny::WithT5Bias>()); }
  SECTION("Bf16 weights") { check_chunks(tiny::model<tiny::Experts, bora::Bf16>()); }
}

TEST_CASE("Logits do not depend on the number of threads", "[infer][threads]") {
  SECTION("dense") { check_threads(tiny::model<Whole>()); }
  SECTION("experts and a ring") { check_threads(tiny::model<tiny::Experts>()); }
  SECTION("T5's bias") { check_threads(tiny::model<tiny::WithT5Bias>()); }
  SECTION("Bf16 weights") { check_threads(tiny::model<tiny::Experts, bora::Bf16>()); }
}

TEST_CASE("An executor without lanes leaves the work to the caller", "[infer]") {
  Nobody nobody;
  const Tokens tokens = tiny::text(2, 30);
  CHECK(tiny::same_bits(prefill_logits(tiny::model<Whole>(), tokens, {.pool = &nobody}),
                        prefill_logits(tiny::model<Whole>(), tokens, {})));
}

TEST_CASE("A window as long as the text is the whole text", "[infer]") {
  using Long = Windowed<61>;
  REQUIRE(bora::parameter_count<Long> == bora::parameter_count<Whole>);
  const Tokens tokens = tiny::text(3, 61);
  CHECK(tiny::same_bits(prefill_logits(tiny::model<Long>(), tokens, {}),
                        prefill_logits(tiny::model<Whole>(), tokens, {})));
  CHECK_FALSE(tiny::same_bits(prefill_logits(tiny::model<Windowed<17>>(), tokens, {}),
                              prefill_logits(tiny::model<Whole>(), tokens, {})));
}

TEST_CASE("Threads may share a const model, each with its own session", "[infer][threads]") {
  const auto& model = tiny::model<tiny::Experts>();
  constexpr std::size_t threads = 4;
  std::vector<Logits> want, got(threads);
  for (std::size_t i = 0; i < threads; ++i) want.push_back(prefill_logits(model, tiny::text(i, 40), {.chunk = 11}));
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i)
    running.emplace_back([&model, &got, i] { got[i] = prefill_logits(model, tiny::text(i, 40), {.chunk = 11}); });
  for (std::thread& thread : running) thread.join();
  for (std::size_t i = 0; i < threads; ++i) CHECK(tiny::same_bits(got[i], want[i]));
}

TEST_CASE("Sessions on several threads may share a pool", "[infer][threads]") {
  const auto& model = tiny::model<tiny::WithT5Bias>();
  constexpr std::size_t threads = 3;
  bora::ThreadPool pool(2);
  std::vector<Logits> want, got(threads);
  for (std::size_t i = 0; i < threads; ++i) want.push_back(prefill_logits(model, tiny::text(i, 40), {}));
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i)
    running.emplace_back([&, i] { got[i] = prefill_logits(model, tiny::text(i, 40), {.chunk = 13, .pool = &pool}); });
  for (std::thread& thread : running) thread.join();
  for (std::size_t i = 0; i < threads; ++i) CHECK(tiny::same_bits(got[i], want[i]));
}

TEST_CASE("A session of rings goes on without end and without growing", "[infer]") {
  const auto& model = tiny::model<Windowed<17>>();
  SessionOn<Windowed<17>, bora::RollingCache<bora::F32>> session{model, {.capacity = 20, .chunk = 8}};
  CHECK(session.limit() == 0);
  const std::size_t length = 20 * Windowed<17>::context, bytes = session.cache_bytes();
  const Tokens tokens = tiny::text(4, length);
  session.prefill(std::span(tokens).first(500));
  Logits last;
  for (std::size_t i = 500; i < length; ++i) last = tiny::copy(session.step(tokens[i]));
  CHECK(session.length() == length);
  CHECK(session.cache_bytes() == bytes);
  CHECK(tiny::same_bits(last, tiny::from_scratch<bora::F32>(model, tokens)));
}

TEST_CASE("Learned positions end even a session of rings", "[infer]") {
  using Spec = tiny::WithLearnedPositions;
  Session session{tiny::model<Spec>(), {.capacity = 30, .chunk = 8}};
  CHECK(session.limit() == Spec::context);
  const Tokens tokens = tiny::text(5, Spec::context);
  const Logits last = tiny::copy(session.prefill(tokens));
  CHECK(tiny::same_bits(last, tiny::from_scratch<bora::F32>(tiny::model<Spec>(), tokens)));
  CHECK(tiny::refusal<bora::CapacityError>([&] { session.step(1); }) ==
        "sequence 0 holds 64 tokens and cannot take 1 more: the session's capacity is 64");
  CHECK(tiny::refusal<bora::ConfigError>([] { Session{tiny::model<Spec>(), {.capacity = 65}}; }) ==
        "session: capacity 65 exceeds the model's 64 learned positions");
}

TEST_CASE("Cache bytes are those of the runs", "[infer]") {
  // One head: keys [18, 16], values [16, 18], the last of them to the end of its second block; in whole lines.
  constexpr std::size_t layers = 2, numbers = 18 * 16 + 15 * 18 + 32, run = bora::round_up(numbers * 4, 64);
  const auto& whole = tiny::model<Whole>();
  const auto& window = tiny::model<Windowed<17>>();
  CHECK(Session{whole}.cache_bytes() == layers * 4 * run);  // context 64
  CHECK(Session{whole, {.capacity = 65}}.cache_bytes() == layers * 5 * run);
  CHECK(Session{window}.cache_bytes() == layers * bora::ring_runs(17, 512, 0) * run);
  CHECK(Session{window, {.capacity = 1'000, .chunk = 7, .rewind = 30}}.cache_bytes() ==
        layers * bora::ring_runs(17, 7, 30) * run);
  CHECK(Session{tiny::model<tiny::Alternating>(), {.chunk = 7}}.cache_bytes() == (bora::ring_runs(5, 7, 0) + 4) * run);
  CHECK(SessionOn<Windowed<17>, bora::PagedCache<32, bora::F32>>{window, {.capacity = 65}}.cache_bytes() ==
        layers * 6 * run);
  CHECK(SessionOn<Windowed<17>, bora::LinearCache<bora::Bf16>>{window}.cache_bytes() ==
        layers * 4 * bora::round_up(numbers * 2, 64));
  // The accounting counts keys, a cache whole runs of keys.
  CHECK(bora::cache_bytes<Whole, bora::F32>(64) == layers * 64 * 2 * 18 * 4);
  CHECK(Session{whole}.cache_bytes() >= bora::cache_bytes<Whole, bora::F32>(64));
}

TEST_CASE("What is invisible may be NaN", "[infer]") {
  const auto check = [](auto model_tag, auto cache_tag) {
    using Spec = decltype(model_tag);
    using Cache = decltype(cache_tag);
    using Element = typename Cache::Element;
    const auto& model = tiny::model<Spec>();
    const Tokens tokens = tiny::text(6, 90);
    SessionOn<Spec, Cache> session{model, {.capacity = 96, .chunk = 9, .rewind = 20}};
    auto& cache = session.batch().cache();
    const auto poison_all = [&](std::size_t begin) {  // every slot that is held, and not seen from `begin` on
      for (std::size_t l = 0; l < Spec::layers; ++l) {
        const std::size_t window = cache.layer_facts(l).window, held = cache.first_held_run(l, 0) * 16;
        const std::size_t seen = window == 0 || begin < window ? 0 : begin + 1 - window;
        if (held < seen) tiny::poison(cache, 0, l, held, seen);
        tiny::poison(cache, 0, l, begin, bora::round_up(session.length(), 16));
      }
    };
    session.prefill(tiny::text(7, 96));
    poison_all(0);  // also what was seen
    session.reset();
    const std::span<const bora::TokenId> all(tokens);
    CHECK(tiny::same_bits(session.prefill(all.first(50)), tiny::from_scratch<Element>(model, all.first(50))));
    session.prefill(all.subspan(50, 15));
    const std::size_t back = 51;  // seen from here: all that poison_all leaves
    poison_all(back);
    session.rewind(back);
    for (std::size_t i = back; i < 60; ++i)
      CHECK(tiny::same_bits(session.step(all[i]), tiny::from_scratch<Element>(model, all.first(i + 1))));
    CHECK(tiny::same_bits(session.prefill(all.subspan(60)), tiny::from_scratch<Element>(model, all)));
  };
  using bora::Bf16, bora::F32, bora::Q8;
  SECTION("linear") {
    check(Whole(), bora::LinearCache<F32>());
    check(Whole(), bora::LinearCache<Bf16>());
    check(Whole(), bora::LinearCache<Q8>());
    check(Windowed<5>(), bora::LinearCache<F32>());
  }
  SECTION("paged") {
    check(Whole(), bora::PagedCache<32, F32>());
    check(Windowed<5>(), bora::PagedCache<16, Q8>());
  }
  SECTION("a ring") {
    check(Windowed<1>(), bora::RollingCache<F32>());
    check(Windowed<5>(), bora::RollingCache<F32>());
    check(Windowed<5>(), bora::RollingCache<Bf16>());
    check(Windowed<17>(), bora::RollingCache<Q8>());
  }
  SECTION("by the mask") { check(tiny::Alternating(), bora::DefaultCache<tiny::Alternating, F32>()); }
}

TEST_CASE("A refused call changes nothing", "[infer]") {
  const auto& model = tiny::model<Whole>();
  const Tokens tokens = tiny::text(8, 31);
  const std::span<const bora::TokenId> all(tokens);
  Session session{model, {.capacity = 30, .chunk = 8}}, undisturbed{model, {.capacity = 30, .chunk = 8}};
  session.prefill(all.first(20));
  undisturbed.prefill(all.first(20));

  using Refusal = std::string;
  CHECK(tiny::refusal<bora::TokenError>([&] { session.prefill({}); }) ==
        Refusal("prefill: the prompt is empty; a model needs at least one token"));
  for (const bora::TokenId bad : {-1, 40, 1 << 30}) {
    const Refusal said = "token id " + std::to_string(bad) + " is outside the vocabulary: expected 0 to 39";
    CHECK(tiny::refusal<bora::TokenError>([&] { session.prefill(Tokens{1, 2, bad}); }) == said);
    CHECK(tiny::refusal<bora::TokenError>([&] { session.step(bad); }) == said);
  }
  CHECK(tiny::refusal<bora::CapacityError>([&] { session.prefill(all.first(11)); }) ==
        "sequence 0 holds 20 tokens and cannot take 11 more: the session's capacity is 30");
  CHECK(tiny::refusal<bora::CapacityError>([&] { session.prefill(all); }) ==
        "sequence 0 holds 20 tokens and cannot take 31 more: the session's capacity is 30");
  CHECK(tiny::refusal<bora::CapacityError>([&] { session.rewind(21); }) ==
        "rewind: sequence 0 holds 20 tokens, and cannot be taken back to 21");

  CHECK(session.length() == 20);
  for (std::size_t i = 20; i < 30; ++i) CHECK(tiny::same_bits(session.step(tokens[i]), undisturbed.step(tokens[i])));
  CHECK(tiny::refusal<bora::CapacityError>([&] { session.step(1); }) ==
        "sequence 0 holds 30 tokens and cannot take 1 more: the session's capacity is 30");
  session.rewind(29);
  undisturbed.rewind(29);
  CHECK(tiny::same_bits(session.step(3), undisturbed.step(3)));
}

TEST_CASE("A ring takes back what it promised; a refusal changes nothing", "[infer]") {
  using Spec = Windowed<17>;
  const auto& model = tiny::model<Spec>();
  const Tokens tokens = tiny::text(9, 300);
  const std::span<const bora::TokenId> all(tokens);
  Session session{model, {.chunk = 4, .rewind = 25}};
  session.prefill(all);
  CHECK(
      tiny::refusal<bora::CapacityError>([&] { session.rewind(200); }) ==
      "rewind: sequence 0 cannot be taken back from 300 to 200 tokens: the ring of a window of 17 has overwritten what "
      "is seen from there; this session was made with rewind 25");
  CHECK(session.length() == 300);
  session.rewind(275);
  for (std::size_t i = 275; i < 280; ++i)
    CHECK(tiny::same_bits(session.step(all[i]), tiny::from_scratch<bora::F32>(model, all.first(i + 1))));
  session.rewind(0);
  CHECK(tiny::same_bits(session.prefill(all.first(3)), tiny::from_scratch<bora::F32>(model, all.first(3))));
}

TEST_CASE("Impossible options are refused", "[infer]") {
  const auto& model = tiny::model<Whole>();
  const auto refused = [&](const SessionOptions& options) {
    return tiny::refusal<bora::ConfigError>([&] { Session{model, options}; });
  };
  CHECK(refused({.sequences = 2}) == "Session: sequences is 2, expected 1; a BatchSession holds several");
  CHECK(refused({.chunk = 0}) == "session: chunk is 0, expected at least 1");
  CHECK(tiny::refusal<bora::ConfigError>([&] { bora::BatchSession{model, {.sequences = 0}}; }) ==
        "session: sequences is 0, expected at least 1");
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();  // sums with it would wrap
  CHECK(refused({.capacity = most}) == "session: an option is 18446744073709551615, expected at most 4294967295");
  CHECK(refused({.rewind = most}) != "accepted");
  CHECK(refused({.chunk = most}) != "accepted");
}

TEST_CASE("A session is not made of a model that is about to end", "[infer]") {
  using Model = F32Model<Whole>;
  STATIC_REQUIRE(std::is_constructible_v<Session<Model>, Model&>);
  STATIC_REQUIRE(std::is_constructible_v<bora::BatchSession<Model>, const Model&, SessionOptions>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Session<Model>, Model>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Session<Model>, const Model>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<bora::BatchSession<Model>, Model>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<bora::BatchSession<Model>, const Model, SessionOptions>);
}

TEST_CASE("A session moves, and sessions may stand in a vector", "[infer]") {
  const auto& model = tiny::model<Whole>();
  const Tokens tokens = tiny::text(10, 40);
  std::vector<Session<F32Model<Whole>, bora::PagedCache<16, bora::F32>>> sessions;
  for (std::size_t i = 0; i < 5; ++i) {
    sessions.emplace_back(model);
    sessions.back().prefill(std::span(tokens).first(39));
  }
  const Logits want = tiny::from_scratch<bora::F32>(model, tokens);
  for (auto& session : sessions) CHECK(tiny::same_bits(session.step(tokens[39]), want));
  auto moved = std::move(sessions[2]);
  moved.reset();
  CHECK(tiny::same_bits(moved.prefill(tokens), want));
  CHECK(&moved.model() == &model);
}

TEST_CASE("A pending token is run by whatever comes next", "[infer]") {
  const auto& model = tiny::model<Whole>();
  const Tokens all{4, 9, 7, 3, 5};
  const auto whole = [&](std::size_t n) { return tiny::from_scratch<bora::F32>(model, std::span(all).first(n)); };
  const auto pending = [&] {
    Session session{model, {.capacity = 5, .chunk = 1}};
    session.prefill(std::span(all).first(2));
    session.append(7);
    CHECK(session.length() == 3);
    CHECK(session.pending() == 7);
    return session;
  };
  SECTION("a step") { CHECK(tiny::same_bits(pending().step(3), whole(4))); }
  SECTION("a prompt") { CHECK(tiny::same_bits(pending().prefill(std::span(all).subspan(3)), whole(5))); }
  SECTION("no prompt") { CHECK(tiny::same_bits(pending().prefill({}), whole(3))); }
  SECTION("another pending token") {
    Session session = pending();
    session.append(3);
    CHECK(session.length() == 4);
    CHECK(tiny::same_bits(session.step(5), whole(5)));
    CHECK(tiny::refusal<bora::CapacityError>([&] { session.append(1); }) ==
          "sequence 0 holds 5 tokens and cannot take 1 more: the session's capacity is 5");
  }
  SECTION("taken back") {
    Session session = pending();
    CHECK(tiny::refusal<bora::CapacityError>([&] { session.rewind(4); }) ==
          "rewind: sequence 0 holds 3 tokens, and cannot be taken back to 4");
    session.rewind(3);
    CHECK(session.pending() == 7);
    session.rewind(2);
    CHECK_FALSE(session.pending());
    CHECK(tiny::same_bits(session.step(7), whole(3)));
  }
  SECTION("emptied") {
    Session session = pending();
    session.reset();
    CHECK(session.length() == 0);
    CHECK_FALSE(session.pending());
  }
  SECTION("refused calls keep it") {
    Session session = pending();
    CHECK_THROWS_AS(session.append(40), bora::TokenError);
    CHECK_THROWS_AS(session.prefill(Tokens{1, 2, 3}), bora::CapacityError);
    CHECK_THROWS_AS(session.step(-1), bora::TokenError);
    CHECK(session.pending() == 7);
    CHECK(tiny::same_bits(session.step(3), whole(4)));
  }
}

TEST_CASE("Prefill reports every chunk, and can be cancelled there", "[infer]") {
  const auto& model = tiny::model<Whole>();
  const Tokens tokens = tiny::text(4, 20);
  const std::span<const bora::TokenId> all(tokens);
  Session session{model, {.chunk = 4}};
  session.prefill(all.first(5));
  session.append(tokens[5]);
  std::vector<std::size_t> seen;
  std::size_t last = 100;
  const auto report = [&](std::size_t done, std::size_t total) {
    CHECK(total == 10);
    seen.push_back(done);
    return done < last;
  };
  for (const std::size_t stop : {0, 3, 7, 10}) {
    last = stop;
    CHECK(tiny::refusal<bora::Cancelled>([&] { session.prefill(all.subspan(6, 10), {.progress = report}); }) ==
          "prefill was cancelled after " + std::to_string(stop) +
              " of 10 tokens: sequence 0 holds 6 tokens, as before");
    CHECK(session.length() == 6);
    CHECK(session.pending() == tokens[5]);
  }
  CHECK_THROWS_AS(session.prefill(all.subspan(6, 10), {.progress = [](std::size_t done, std::size_t) -> bool {
                                    if (done > 0) throw 1;
                                    return true;
                                  }}),
                  int);
  CHECK(session.length() == 6);
  last = 100;
  seen.clear();
  CHECK(tiny::same_bits(session.prefill(all.subspan(6, 10), {.progress = report}),
                        tiny::from_scratch<bora::F32>(model, all.first(16))));
  CHECK(seen == std::vector<std::size_t>{0, 3, 7, 10});  // the pending token is in the first chunk
}

TEST_CASE("A ring that has overwritten what was before keeps the chunks that were run", "[infer]") {
  const auto& model = tiny::model<Windowed<5>>();
  const Tokens tokens = tiny::text(5, 200);
  const std::span<const bora::TokenId> all(tokens);
  const auto cancelled = [&](auto& session, std::size_t at) {
    return tiny::refusal<bora::Cancelled>([&] {
      session.prefill(all.subspan(20), {.progress = [at](std::size_t done, std::size_t) { return done < at; }});
    });
  };
  Session session{model, {.chunk = 4}};
  session.prefill(all.first(20));
  CHECK(cancelled(session, 4) == "prefill was cancelled after 4 of 180 tokens: sequence 0 holds 20 tokens, as before");
  CHECK(cancelled(session, 100) ==
        "prefill was cancelled after 100 of 180 tokens: sequence 0 holds 120 tokens, since its rings cannot be taken "
        "back");
  CHECK(session.length() == 120);
  CHECK(tiny::same_bits(session.step(tokens[120]), tiny::from_scratch<bora::F32>(model, all.first(121))));
}
