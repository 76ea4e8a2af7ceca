/// Sessions on every kind of cache, driven by chance: whatever was appended, taken back, forked, saved and restored
/// before, logits have the bits of a computation from scratch.
#pragma once
#include "infer/tiny.hpp"
#include "io/temporary_folder.hpp"
#include <bora/core/executor.hpp>
#include <bora/infer/logits.hpp>
#include <bora/infer/session_file.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace state_machine {

using tiny::Logits;
using tiny::Tokens;

inline constexpr std::size_t sequences = 3, promised = 6, files = 8;

/// How far a machine goes.
struct Course {
  std::size_t operations = 700, capacity = 150;
  std::vector<std::size_t> chunks = {7, 1, 33};  ///< of the sessions, one a seed
  std::size_t compared = 60;  ///< texts up to this long are always compared, longer ones now and then
};

/// A BatchSession of any type, so that the machine is compiled once.
struct Subject {
  virtual ~Subject() = default;
  virtual Logits prefill(std::size_t sequence, const Tokens& tokens, std::size_t chunk) = 0;
  virtual std::vector<Logits> step(const std::vector<bora::BatchToken>& tokens) = 0;
  virtual std::vector<Logits> step(const Tokens& tokens) = 0;
  virtual void append(std::size_t sequence, bora::TokenId token) = 0;
  virtual bool pending(std::size_t sequence) = 0;
  virtual void rewind(std::size_t sequence, std::size_t length) = 0;
  virtual void reset(std::size_t sequence) = 0;
  virtual void fork(std::size_t from, std::size_t to) = 0;
  virtual void save(std::size_t sequence, const std::filesystem::path& path) = 0;
  virtual void restore(std::size_t sequence, const std::filesystem::path& path) = 0;
  virtual std::size_t length(std::size_t sequence) = 0;
  std::string name;
  std::size_t limit = 0;
  std::vector<std::size_t> rings;  ///< positions of each layer that is a ring
  bool keeps_all() const { return rings.empty(); }
};

template <class Model, class Cache>
class SubjectOf final : public Subject {
 public:
  SubjectOf(const Model& model, const char* kind, std::size_t capacity, std::size_t chunk, bora::Executor* pool)
      : session_(model,
                 {.capacity = capacity, .chunk = chunk, .rewind = promised, .sequences = sequences, .pool = pool}) {
    name = kind;
    limit = session_.limit();
    for (std::size_t l = 0; l < Model::Spec::layers; ++l) {
      const std::size_t window = session_.cache().layer_facts(l).window;
      if (Cache::kind(window) == bora::CacheKind::rolling)
        rings.push_back(bora::ring_runs(window, session_.options().chunk, promised) * bora::simd::run_length);
    }
  }
  Logits prefill(std::size_t sequence, const Tokens& tokens, std::size_t chunk) override {
    return tiny::copy(session_.prefill(sequence, tokens, {.chunk = chunk}));
  }
  std::vector<Logits> step(const std::vector<bora::BatchToken>& tokens) override { return rows(session_.step(tokens)); }
  std::vector<Logits> step(const Tokens& tokens) override { return rows(session_.step(tokens)); }
  void append(std::size_t sequence, bora::TokenId token) override { session_.append(sequence, token); }
  bool pending(std::size_t sequence) override { return session_.pending(sequence).has_value(); }
  void rewind(std::size_t sequence, std::size_t length) override { session_.rewind(sequence, length); }
  void reset(std::size_t sequence) override { session_.reset(sequence); }
  void fork(std::size_t from, std::size_t to) override { session_.fork(from, to); }
  void save(std::size_t sequence, const std::filesystem::path& path) override {
    bora::save_session(session_, sequence, path);
  }
  void restore(std::size_t sequence, const std::filesystem::path& path) override {
    bora::restore_session(session_, sequence, path);
  }
  std::size_t length(std::size_t sequence) override { return session_.length(sequence); }

 private:
  static std::vector<Logits> rows(const bora::LogitRows<float>& logits) {
    std::vector<Logits> rows;
    for (std::size_t r = 0; r < logits.size(); ++r) rows.push_back(tiny::copy(logits.row(r)));
    return rows;
  }
  bora::BatchSession<Model, Cache> session_;
};

/// What a sequence is known to hold.
struct Known {
  Tokens tokens;
  std::size_t high = 0;   ///< the longest it has been
  std::size_t solid = 0;  ///< taking back to here or later must work, as far as rings promise
};

class Machine {
 public:
  using Oracle = std::function<Logits(const Tokens&)>;
  Machine(std::vector<std::unique_ptr<Subject>> subjects, Oracle oracle, std::size_t compared, std::uint64_t seed)
      : subjects_(std::move(subjects)),
        known_(subjects_.size(), std::vector<Known>(sequences)),
        longest_(subjects_.size()),
        oracle_(std::move(oracle)),
        compared_(compared),
        random_(seed) {}

  void run(std::size_t operations) {
    operate(operations / 2);
    for (std::size_t s = 0; s < subjects_.size(); ++s) go_round(s, below(sequences));
    operate(operations - operations / 2);
    for (std::size_t s = 0; s < subjects_.size(); ++s)
      for (std::size_t q = 0; q < sequences; ++q) step_and_compare(s, q);
  }
  std::size_t checked() const { return checked_; }
  /// How often every ring of every subject has been written all the way round, at least.
  std::size_t rounds() const {
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (std::size_t s = 0; s < subjects_.size(); ++s)
      for (const std::size_t ring : subjects_[s]->rings) least = std::min(least, longest_[s] / ring);
    return least;
  }

 private:
  void operate(std::size_t operations) {
    for (std::size_t i = 0; i < operations; ++i) {
      const std::size_t s = below(subjects_.size());
      operate(s, below(sequences));
      for (std::size_t q = 0; q < sequences; ++q) REQUIRE(subjects_[s]->length(q) == known_[s][q].tokens.size());
    }
  }
  /// Chance rarely takes a sequence twice around a large ring.
  void go_round(std::size_t s, std::size_t q) {
    for (const std::size_t ring : subjects_[s]->rings)
      while (known_[s][q].high < 2 * ring) {
        const std::size_t length = known_[s][q].tokens.size(), limit = subjects_[s]->limit;
        prefill(s, q, std::min(1 + below(ring), limit == 0 ? ring : limit - length));
        rewind(s, q, known_[s][q].tokens.size() - below(promised));
      }
    step_and_compare(s, q);
  }
  void step_and_compare(std::size_t s, std::size_t q) {
    always_ = true;
    step_some(s, {q});
    always_ = false;
  }

  void operate(std::size_t s, std::size_t q) {
    switch (below(15)) {
      case 0:
        return prefill(s, q, 1 + below(4));
      case 1:
        return prefill(s, q, 1 + below(40));
      case 2:
        return prefill(s, q, 1 + below(200));
      case 3:
      case 4:
      case 5:
        return step_some(s, subset());
      case 6:
        return step_all(s);
      case 7:
        return rewind(s, q, known_[s][q].tokens.size() - std::min(known_[s][q].tokens.size(), below(promised + 1)));
      case 8:
        return rewind(s, q, below(known_[s][q].tokens.size() + 2));
      case 9:
        return below(4) == 0 ? reset(s, q) : refuse(s, q);
      case 10:
        return fork(s, q, below(sequences));
      case 11:
        return save(s, q);
      case 12:
      case 13:
        return leave_pending(s, q);
      default:
        return restore(s, q);
    }
  }

  void prefill(std::size_t s, std::size_t q, std::size_t count) {
    trace("prefill", s, q, count);
    const Tokens tokens = draw(count);
    if (!fits(s, q, count)) {
      CHECK_THROWS_AS(subjects_[s]->prefill(q, tokens, 0), bora::CapacityError);
      if (known_[s][q].tokens.size() + count > 700) reset(s, q);
      return;
    }
    const std::size_t chunks[] = {0, 1, 3, 16, 1'000};
    const Logits logits = subjects_[s]->prefill(q, tokens, chunks[below(std::size(chunks))]);
    append(s, q, tokens);
    compare(s, q, logits);
  }
  void leave_pending(std::size_t s, std::size_t q) {
    trace("append", s, q, 1);
    const Tokens token = draw(1);
    if (!fits(s, q, 1)) {
      CHECK_THROWS_AS(subjects_[s]->append(q, token[0]), bora::CapacityError);
      return;
    }
    subjects_[s]->append(q, token[0]);
    append(s, q, token);
    if (below(4) == 0) {
      trace("run", s, q, 0);
      compare(s, q, subjects_[s]->prefill(q, {}, 0));
    }
  }
  void step_some(std::size_t s, const std::vector<std::size_t>& which) {
    std::vector<bora::BatchToken> tokens;
    bool room = true;
    for (const std::size_t q : which) {
      tokens.push_back({q, draw(1)[0]});
      room = room && fits(s, q, 1);
    }
    trace("step", s, which[0], which.size());
    if (!room) {
      CHECK_THROWS_AS(subjects_[s]->step(tokens), bora::CapacityError);
      return;
    }
    const std::vector<Logits> rows = subjects_[s]->step(tokens);
    REQUIRE(rows.size() == tokens.size());
    for (std::size_t r = 0; r < rows.size(); ++r) {
      append(s, tokens[r].sequence, {tokens[r].token});
      compare(s, tokens[r].sequence, rows[r]);
    }
  }
  void step_all(std::size_t s) {
    trace("step all", s, 0, sequences);
    const Tokens tokens = draw(sequences);
    for (std::size_t q = 0; q < sequences; ++q)
      if (!fits(s, q, 1)) {
        CHECK_THROWS_AS(subjects_[s]->step(tokens), bora::CapacityError);
        return;
      }
    const std::vector<Logits> rows = subjects_[s]->step(tokens);
    for (std::size_t q = 0; q < sequences; ++q) {
      append(s, q, {tokens[q]});
      compare(s, q, rows[q]);
    }
  }
  void rewind(std::size_t s, std::size_t q, std::size_t length) {
    trace("rewind", s, q, length);
    Known& k = known_[s][q];
    const bool possible = length <= k.tokens.size();
    const bool must =
        possible && (length == 0 || (length >= k.solid && (subjects_[s]->keeps_all() || k.high - length <= promised)));
    try {
      subjects_[s]->rewind(q, length);
      REQUIRE(possible);
      k.tokens.resize(length);
      if (length == 0) k = {};
    } catch (const bora::CapacityError&) {
      REQUIRE_FALSE(must);
    }
  }
  void reset(std::size_t s, std::size_t q) {
    trace("reset", s, q, 0);
    subjects_[s]->reset(q);
    known_[s][q] = {};
  }
  void refuse(std::size_t s, std::size_t q) {
    trace("refuse", s, q, 0);
    Subject& subject = *subjects_[s];
    CHECK_THROWS_AS(subject.prefill(q, {1, 2, 99}, 1), bora::TokenError);
    if (!subject.pending(q)) CHECK_THROWS_AS(subject.prefill(q, {}, 1), bora::TokenError);
    CHECK_THROWS_AS(subject.step(std::vector<bora::BatchToken>{{q, 1}, {q, 2}}), bora::Error);  // or full
    CHECK_THROWS_AS(subject.step(std::vector<bora::BatchToken>{{q, 1}, {sequences, 2}}), bora::Error);
    CHECK_THROWS_AS(subject.step(Tokens{1, 2, -1}), bora::TokenError);
    CHECK_THROWS_AS(subject.fork(q, sequences), bora::ConfigError);
    CHECK_THROWS_AS(subject.restore(q, folder_ / "missing"), bora::FileError);
  }
  void fork(std::size_t s, std::size_t from, std::size_t to) {
    trace("fork", s, from, to);
    subjects_[s]->fork(from, to);
    if (from != to) known_[s][to] = known_[s][from];
  }
  void save(std::size_t s, std::size_t q) {
    if (below(4) != 0) return;  // bringing a file to the disk takes longer than all else
    const std::size_t f = below(std::min(saved_.size() + 1, files));
    trace("save", s, q, f);
    const Known& k = known_[s][q];
    subjects_[s]->save(q, file(f));
    if (f == saved_.size()) saved_.emplace_back();
    saved_[f] = {k.tokens, k.tokens.size(), subjects_[s]->keeps_all() ? k.solid : k.tokens.size()};
  }
  void restore(std::size_t s, std::size_t q) {
    if (saved_.empty()) return;
    const std::size_t f = below(saved_.size()), length = saved_[f].tokens.size();
    trace("restore", s, q, f);
    if (subjects_[s]->limit != 0 && length > subjects_[s]->limit) {
      CHECK_THROWS_AS(subjects_[s]->restore(q, file(f)), bora::FileError);
      return;
    }
    subjects_[s]->restore(q, file(f));
    known_[s][q] = saved_[f];
    if (!subjects_[s]->keeps_all()) known_[s][q].solid = length;
  }

  std::filesystem::path file(std::size_t f) const { return folder_ / std::to_string(f); }
  std::size_t below(std::size_t bound) { return random_.below(bound); }
  Tokens draw(std::size_t count) { return tiny::text(random_(), count); }
  std::vector<std::size_t> subset() {
    std::vector<std::size_t> all(sequences);
    std::iota(all.begin(), all.end(), std::size_t{0});
    for (std::size_t i = sequences; i-- > 1;) std::swap(all[i], all[below(i + 1)]);
    all.resize(1 + below(sequences));
    return all;
  }
  bool fits(std::size_t s, std::size_t q, std::size_t count) const {
    const std::size_t limit = subjects_[s]->limit;
    return limit == 0 || known_[s][q].tokens.size() + count <= limit;
  }
  void append(std::size_t s, std::size_t q, const Tokens& tokens) {
    Known& k = known_[s][q];
    k.tokens.insert(k.tokens.end(), tokens.begin(), tokens.end());
    k.high = std::max(k.high, k.tokens.size());
    longest_[s] = std::max(longest_[s], k.high);
  }
  /// Long texts are compared less often: the truth costs their whole length.
  void compare(std::size_t s, std::size_t q, const Logits& logits) {
    const Tokens& tokens = known_[s][q].tokens;
    if (!always_ && below(tokens.size() + 1) > compared_) return;
    INFO(trace_);
    REQUIRE(tiny::same_bits(logits, oracle_(tokens)));
    ++checked_;
  }
  void trace(const char* what, std::size_t s, std::size_t q, std::size_t n) {
    trace_ += "\n  " + subjects_[s]->name + "[" + std::to_string(q) + "] of " +
              std::to_string(known_[s][q].tokens.size()) + ": " + what + " " + std::to_string(n);
  }

  std::vector<std::unique_ptr<Subject>> subjects_;
  std::vector<std::vector<Known>> known_;  ///< [subjects, sequences]
  std::vector<std::size_t> longest_;       ///< [subjects]
  Oracle oracle_;
  std::size_t compared_;
  bora::Random random_;
  support::TemporaryFolder folder_;
  std::vector<Known> saved_;
  std::string trace_;
  std::size_t checked_ = 0;
  bool always_ = false;
};

/// The truth about keys in F32: the logits of the whole text, computed without a session. Where keys are rounded there
/// is no such function: one chunk in a fresh linear session, which must lie near the logits of unrounded keys.
template <class Element, class Model>
Logits truth(const Model& model, const Tokens& tokens) {
  const bora::Tensor<float, 3> all = bora::logits(model, bora::TokenBatch(1, tokens.size(), tokens));
  const Logits exact = tiny::copy(all.row(0, tokens.size() - 1));
  if constexpr (std::is_same_v<Element, bora::F32>) return exact;
  const Logits rounded = tiny::from_scratch<Element>(model, tokens);
  float most = 0, error = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    most = std::max(most, std::abs(exact[i]));
    error = std::max(error, std::abs(rounded[i] - exact[i]));
  }
  // Roundings of 2^-9 of a number in Bf16 and of 2^-8 of a key's largest number in Q8, which two layers and a head make
  // larger: the worst that was seen is 0.018 and 0.066. Another computation is off by its whole size.
  CHECK(error <= (std::is_same_v<Element, bora::Bf16> ? 0.03f : 0.1f) * most);
  return rounded;
}

inline bora::ThreadPool& two_threads() {
  static bora::ThreadPool pool(2);
  return pool;
}

/// One machine over every kind of cache that the model may have; one session of them, by the seed, has two threads.
template <class Spec, class Element, class Format = bora::F32>
void drive(std::uint64_t seed, const Course& course = {}) {
  using Model = bora::Decoder<Spec, Format>;
  const Model& model = tiny::model<Spec, Format>();
  constexpr bool windows = requires { requires Spec::Attention::Mask::window != 0; };
  const std::size_t chunk = course.chunks[seed % course.chunks.size()];
  std::vector<std::unique_ptr<Subject>> subjects;
  const auto add = [&]<class Cache>(const char* name, Cache) {
    bora::Executor* const pool = subjects.size() == seed % 5 ? &two_threads() : nullptr;
    subjects.push_back(std::make_unique<SubjectOf<Model, Cache>>(model, name, course.capacity, chunk, pool));
  };
  if constexpr (windows) add("rolling", bora::RollingCache<Element>());
  add("linear", bora::LinearCache<Element>());
  add("paged<16>", bora::PagedCache<16, Element>());
  add("paged<32>", bora::PagedCache<32, Element>());
  add("default", bora::DefaultCache<Spec, Element>());
  Machine machine(
      std::move(subjects), [&](const Tokens& tokens) { return truth<Element>(model, tokens); }, course.compared, seed);
  machine.run(course.operations);
  CHECK(machine.checked() > course.operations / 8);  // the machine does compare
  CHECK(machine.rounds() >= 2);
}

}  // namespace state_machine
