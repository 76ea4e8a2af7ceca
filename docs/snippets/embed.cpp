// What docs/embed.md shows. Each function throws where a promise does not hold.
#include <bora/infer.hpp>
#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct Small : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 256, dim = 64, layers = 2, context = 512;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 16},
                                                bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<176>;
};
using Model = bora::Decoder<Small, bora::F32>;
using Tokens = std::vector<bora::TokenId>;

void require(bool fulfilled, const char* promise) {
  if (!fulfilled) throw std::logic_error(std::string("not fulfilled: ") + promise);
}

// [share_model]
/// Answers many at once: one const model, and for each caller a session of its own.
std::vector<Tokens> answer_all(const Model& model, const std::vector<Tokens>& prompts) {
  std::vector<Tokens> answers(prompts.size());
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < prompts.size(); ++i)
      callers.emplace_back([&, i] {
        bora::Session session{model};
        for (const bora::TokenId t : bora::generate(session, prompts[i], {.temperature = 0, .max_tokens = 16}))
          answers[i].push_back(t);
      });
  }
  return answers;
}
// [/share_model]

// [lifetimes]
/// Members end in the reverse order of their declaration: the session first, then the pool, then the model.
class Assistant {
 public:
  explicit Assistant(Model model) : model_(std::move(model)) {}
  std::span<const float> read(std::span<const bora::TokenId> tokens) { return session_.prefill(tokens); }

 private:
  const Model model_;
  bora::ThreadPool pool_{2};
  bora::Session<Model> session_{model_, {.capacity = 256, .pool = &pool_}};
};
// [/lifetimes]

// [chat]
/// A conversation: what was said stays in the session, so a turn costs its own tokens only.
class Chat {
 public:
  Chat(const Model& model, bora::TokenId turn_end) : session_(model), turn_end_(turn_end) {}

  template <class Say>
  bora::FinishReason answer(std::span<const bora::TokenId> turn, Say&& say) {
    if (session_.limit() != 0 && session_.length() + turn.size() >= session_.limit()) session_.reset();  // or a summary
    auto text = bora::generate(session_, turn, {.temperature = 0.7, .max_tokens = 64, .stop = {turn_end_}});
    for (const bora::TokenId t : text)
      if (!say(t)) break;  // the caller has seen t: it is in the session
    if (!text.stopped_by() && session_.length() < session_.limit())
      session_.append(turn_end_);  // cut short: end the turn
    return text.finish_reason();
  }
  std::size_t length() const { return session_.length(); }

 private:
  bora::Session<Model> session_;
  bora::TokenId turn_end_;
};
// [/chat]

// [cancel_prefill]
/// Reads a document until another thread raises `stop`. Returns whether it is read; if not, nothing of it is.
bool read(bora::Session<Model>& session, std::span<const bora::TokenId> document, const std::atomic<bool>& stop) {
  try {
    session.prefill(document, {.chunk = 64, .progress = [&](std::size_t, std::size_t) { return !stop; }});
    return true;
  } catch (const bora::Cancelled&) {
    return false;
  }
}
// [/cancel_prefill]

// [load_progress]
Model load_with_bar(const char* folder) {
  return bora::load<Small, bora::F32>(folder, {.progress = [](std::size_t done, std::size_t total) {
                                        std::printf("\r%3zu %%", 100 * done / total);
                                        return true;  // false: bora::Cancelled
                                      }});
}
// [/load_progress]

// [errors]
/// At the edge of a program, one handler a remedy; what is left is bora::Error or the standard library's.
std::string explain(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const bora::FileError& e) {
    return std::string("choose another file: ") + e.what();
  } catch (const bora::CapacityError& e) {
    return std::string("begin a new conversation: ") + e.what();
  } catch (const bora::MemoryError& e) {
    return std::string("take a smaller capacity or chunk: ") + e.what();
  } catch (const std::exception& e) {
    return e.what();
  }
}
// [/errors]

// [own_sampling]
/// The loop that `generate` is, for programs that choose tokens by themselves.
Tokens draw(bora::Session<Model>& session, std::span<const bora::TokenId> prompt, std::size_t count) {
  bora::Sampler sampler{{.temperature = 0.8, .top_p = 0.95, .seed = 7}};
  Tokens drawn;
  auto logits = session.prefill(prompt);
  while (true) {
    drawn.push_back(sampler(logits));
    session.append(drawn.back());  // in the session now, run by the next call
    if (drawn.size() == count) return drawn;
    logits = session.prefill({});  // runs it
  }
}
// [/own_sampling]

void check(const Model& model) {
  const auto answers = answer_all(model, {{1, 2, 3}, {1, 2, 3}, {4}});
  require(answers[0] == answers[1] && answers[0].size() == 16, "callers do not disturb each other");

  Chat chat(model, 0);
  std::size_t said = 0;
  chat.answer(Tokens{5, 6}, [&](bora::TokenId) { return ++said < 4; });
  require(chat.length() == 2 + said + 1, "what was said, and the turn's end");
  chat.answer(Tokens{7}, [](bora::TokenId) { return true; });

  std::atomic<bool> stop{false};
  bora::Session session{model};
  const Tokens document(200, 9);
  require(read(session, document, stop) && session.length() == 200, "read");
  stop = true;
  require(!read(session, document, stop) && session.length() == 200, "as before");

  session.reset();
  const Tokens drawn = draw(session, Tokens{1}, 5);
  require(drawn.size() == 5 && session.length() == 6 && session.pending() == drawn.back(), "the last is pending");

  std::string said_of_it;
  try {
    load_with_bar("no such folder");
  } catch (...) {
    said_of_it = explain(std::current_exception());
  }
  require(said_of_it.starts_with("choose another file"), "the handler");
}

}  // namespace

int main() try {
  check(bora::random_model<Small, bora::F32>(1));
  Assistant assistant(bora::random_model<Small, bora::F32>(1));
  require(assistant.read(Tokens{1, 2}).size() == Small::vocab_size, "logits");
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "embed: %s\n", e.what());
  return 1;
}
