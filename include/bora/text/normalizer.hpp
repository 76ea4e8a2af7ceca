/// The steps that change a text before it is cut into words (normalizers).
#pragma once
#include <bora/text/added_tokens.hpp>
#include <bora/text/character_map.hpp>
#include <bora/text/normalize.hpp>
#include <bora/text/unicode.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Puts a text in front of one that is not empty.
struct PrependStep {
  std::string text;  ///< what goes in front
};
/// Replaces each occurrence of a text.
struct ReplaceStep {
  std::string from;  ///< what is replaced; not empty
  std::string to;    ///< by this
};
/// Removes white space at the ends.
struct StripStep {
  bool left = true;   ///< of the beginning
  bool right = true;  ///< of the end
};
/// Changes a text by steps, one after the other.
class Normalizer {
 public:
  /// A step of any kind.
  using Step = std::variant<CanonicalForm, PrependStep, ReplaceStep, StripStep, std::shared_ptr<const CharacterMap>>;

  Normalizer() = default;
  /// \param steps  with maps that are not null
  explicit Normalizer(std::vector<Step> steps) : steps_(std::move(steps)) {}

  /// Whether there are no steps.
  bool empty() const noexcept { return steps_.empty(); }
  /// Whether only canonical normalisation happens, so that a text can be cut between ASCII characters before.
  bool canonical() const noexcept {
    for (const Step& step : steps_)
      if (!std::holds_alternative<CanonicalForm>(step)) return false;
    return true;
  }

  /// The normalised text: `text` itself where nothing changes, else in `storage`.
  std::string_view apply(std::string_view text, std::string& storage) const {
    std::string next;
    for (const Step& step : steps_) {
      const std::string_view changed = std::visit([&](const auto& s) { return run(s, text, next); }, step);
      if (changed.data() == text.data() && changed.size() == text.size()) continue;
      if (changed.data() == next.data()) {
        storage.swap(next);
        text = storage;
      } else {
        text = changed;  // a part of what it was
      }
    }
    return text;
  }

 private:
  static std::string_view run(CanonicalForm form, std::string_view text, std::string& out) {
    return detail::CanonicalNormalizer(form).normalize(text, out);
  }
  static std::string_view run(const PrependStep& step, std::string_view text, std::string& out) {
    if (text.empty()) return text;
    out = step.text;
    out += text;
    return out;
  }
  static std::string_view run(const ReplaceStep& step, std::string_view text, std::string& out) {
    std::size_t found = text.find(step.from);
    if (found == text.npos) return text;
    out.clear();
    std::size_t at = 0;
    for (; found != text.npos; found = text.find(step.from, at)) {
      out += text.substr(at, found - at);
      out += step.to;
      at = found + step.from.size();
    }
    out += text.substr(at);
    return out;
  }
  static std::string_view run(const StripStep& step, std::string_view text, std::string&) {
    const auto space = [](std::string_view t) { return detail::white_space(t); };
    while (step.left && !text.empty() && space(text) != 0) text.remove_prefix(space(text));
    return step.right ? text.substr(0, detail::without_trailing_space(text)) : text;
  }
  static std::string_view run(const std::shared_ptr<const CharacterMap>& map, std::string_view text, std::string& out) {
    out = map->apply(text);
    return out;
  }

  std::vector<Step> steps_;
};

}}  // namespace bora::BORA_ABI
