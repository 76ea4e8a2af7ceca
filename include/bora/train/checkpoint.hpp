/// Everything that a training run needs to go on with the same bits, in a folder that is whole at any moment.
///
///     FOLDER/step-000000120/     a checkpoint
///         config.json, model.safetensors    the F32 parameters as a Hugging Face folder, for `load` and others
///         moments.safetensors               both moments, "first." and "second." before the parameters' names
///         history.json                      the losses so far
///         state.json                        step, place in the data, options, checksums of the files above
///     FOLDER/last, FOLDER/best   links to the newest checkpoint and the one of the lowest held-out loss
///
/// A checkpoint is written under another name, brought to the disk, renamed, and only then does `last` change, in one
/// rename. What `last` names decides: whatever else an interruption left behind is removed by the next save.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/file_words.hpp>
#include <bora/core/mapped_file.hpp>
#include <bora/io/json.hpp>
#include <bora/io/load.hpp>
#include <bora/io/parameter_names.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/io/save.hpp>
#include <bora/model/fingerprint.hpp>
#include <bora/train/progress.hpp>
#include <bora/train/token_mixture.hpp>
#include <bora/train/trainer.hpp>
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace bora::inline BORA_ABI {

/// What a checkpoint holds beside the trainer's own state.
struct TrainingState {
  TokenMixtureState data;
  LossHistory history;
  std::optional<LossPoint> best;  ///< the lowest held-out loss so far
};

namespace detail {

namespace fs = std::filesystem;

// ---- places

/// "step-000000120", with ".2" and so on where that is taken.
inline std::string checkpoint_name(std::size_t step, std::size_t copy = 1) {
  const std::string digits = std::to_string(step);
  const std::string name = message("step-", std::string(digits.size() < 9 ? 9 - digits.size() : 0, '0'), digits);
  return copy == 1 ? name : message(name, ".", copy);
}
inline bool is_checkpoint_name(std::string_view name) noexcept {
  if (!name.starts_with("step-")) return false;
  name.remove_prefix(5);
  return name.size() >= 9 &&
         std::all_of(name.begin(), name.end(), [](char c) { return ('0' <= c && c <= '9') || c == '.'; });
}

/// Brings a folder's names to the disk; where a folder cannot be synced there is nothing to be done.
inline void sync_folder([[maybe_unused]] const fs::path& folder) noexcept {
#if defined(BORA_POSIX_FILES)
  const int handle = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (handle < 0) return;
  ::fsync(handle);
  ::close(handle);
#endif
}

/// What a link of the folder names; empty where there is no link. Throws FileError for one that leads elsewhere.
inline std::string linked_name(const fs::path& link) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(link, error))) return "";
  const fs::path target = fs::read_symlink(link, error);
  if (error) refuse_file(link, "is no link, expected one to a checkpoint beside it");
  if (!is_checkpoint_name(target.string()))
    refuse_file(link, "leads to ", printable(target.string()), ", expected a checkpoint beside it");
  return target.string();
}

inline void replace_link(const fs::path& link, const std::string& name) {
  fs::path partial = link;
  partial += ".partial";
  std::error_code error;
  fs::remove(partial, error);
  fs::create_symlink(name, partial, error);
  if (!error) fs::rename(partial, link, error);
  if (error) refuse_file(link, "cannot be put in place: ", error.message());
  sync_folder(link.parent_path());
}

/// Removes checkpoints that nothing names, and what interrupted saves left behind.
inline void remove_others(const fs::path& folder, std::string_view last, std::string_view best) {
  std::vector<fs::path> others;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    constexpr std::string_view partial = ".partial";
    const bool unfinished = name.ends_with(partial) && is_checkpoint_name(name.substr(0, name.size() - partial.size()));
    if (name == "last.partial" || name == "best.partial" || unfinished ||
        (is_checkpoint_name(name) && name != last && name != best && is_there(entry->path() / "state.json")))
      others.push_back(entry->path());
  }
  for (const fs::path& path : others) {
    fs::path doomed = path;
    if (is_checkpoint_name(path.filename().string())) {
      // Another name first: a folder that is half removed must not look like a checkpoint. The name may be taken.
      fs::remove_all(doomed += ".partial", ignored);
      fs::rename(path, doomed, ignored);
    }
    fs::remove_all(doomed, ignored);
  }
}

/// A folder that is gone unless it is moved to its place.
class PartialFolder {
 public:
  explicit PartialFolder(fs::path target) : target_(std::move(target)), partial_(target_) {
    partial_ += ".partial";
    std::error_code error;
    fs::remove_all(partial_, error);
    make_folder(partial_);
  }
  PartialFolder(const PartialFolder&) = delete;
  PartialFolder& operator=(const PartialFolder&) = delete;
  ~PartialFolder() {
    std::error_code ignored;
    if (!partial_.empty()) fs::remove_all(partial_, ignored);
  }
  const fs::path& path() const noexcept { return partial_; }
  void move_to_place() {
    sync_folder(partial_);
    std::error_code error;
    fs::rename(partial_, target_, error);
    if (error) refuse_file(target_, "cannot be put in place: ", error.message());
    partial_.clear();
    sync_folder(target_.parent_path());
  }

 private:
  fs::path target_, partial_;
};

// ---- contents

inline std::string hex(std::uint64_t number) {
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[number >> shift & 15];
  return text;
}
inline std::uint64_t text_sum(std::string_view text) noexcept {
  WordSum sum;
  sum.add(std::uint64_t{text.size()});
  sum.add(std::as_bytes(std::span(text)));
  return sum.value();
}

inline void write_json(const fs::path& path, const Json& json) {
  AtomicFile file(path);
  file.write(json.dump() + "\n");
  file.commit();
}
inline Json points_to_json(const std::vector<LossPoint>& points) {
  Json list = Json::array();
  for (const LossPoint& point : points) list.push_back({point.step, point.loss});
  return list;
}
inline std::vector<LossPoint> points_from_json(const Json& object, std::string_view key, const fs::path& file) {
  std::vector<LossPoint> points;
  for (const Json& point : require_array(object, key, file)) {
    if (!point.is_array() || point.size() != 2 || !is_whole_number(point[0]) || !point[1].is_number())
      refuse_file(file, "key ", printable(key), " holds ", point.dump(), ", expected pairs of step and loss");
    points.push_back({point[0].get<std::size_t>(), point[1].get<double>()});
  }
  return points;
}

/// Moments under the parameters' names and in their files' layout.
template <ModelSpec S>
void write_moments(const fs::path& file, const CheckpointNames& names, const Parameters<S>& first,
                   const Parameters<S>& second) {
  const auto tensors = file_tensors(names, describe<S>(), tensors_of<S>());
  SafeTensorsWriter out;
  for (const auto& [prefix, moments] : {std::pair("first.", &first), std::pair("second.", &second)})
    for (const FileTensor& tensor : tensors)
      out.add_later<F32>(prefix + tensor.name(), tensor.shape(),
                         [&tensor, &file, numbers = moments](std::span<float> to) {
                           tensor.gather(numbers->values(), to);
                           require_finite(to, file, tensor.name());  // no reader would take it
                         });
  out.write(file);
}
template <ModelSpec S>
Parameters<S> read_moments(const SafeTensors& file, const CheckpointNames& names, const std::string& prefix) {
  Parameters<S> moments;
  moments.names = names;
  std::vector<float> numbers;
  for (const FileTensor& tensor : file_tensors(names, describe<S>(), tensors_of<S>())) {
    numbers.resize(tensor.size());
    file.read(prefix + tensor.name(), numbers);
    for (const FileTensor::Part& part : tensor.parts)
      part.place.for_each(part.entry.shape, [&](std::size_t in_model, std::size_t in_file) {
        moments.values()[part.entry.offset + in_model] = numbers[in_file];
      });
  }
  return moments;
}

/// Size and checksum of every file in a folder.
inline Json list_files(const fs::path& folder) {
  Json files = Json::object();
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const MappedFile file(entry->path());
    files[entry->path().filename().string()] = {{"bytes", file.size()}, {"checksum", hex(text_sum(file.text()))}};
  }
  if (error) refuse_file(folder, "cannot be listed: ", error.message());
  return files;
}
inline void check_files(const fs::path& folder, const Json& files, const fs::path& state) {
  for (const auto& [name, facts] : files.items()) {
    if (fs::path(name).filename() != name || name.starts_with('.'))
      refuse_file(state, "names the file ", printable(name), ", expected names without folders");
    const std::string place = message("files.", name);
    const MappedFile file(folder / name);
    const std::size_t bytes = require_size(facts, "bytes", state, place);
    const std::string sum = require_string(facts, "checksum", state, place);
    if (file.size() != bytes) refuse_file(file.path(), "is ", file.size(), " bytes long, expected ", bytes);
    if (const std::string found = hex(text_sum(file.text())); found != sum)
      refuse_file(file.path(), "is damaged: its checksum is ", found, ", expected ", printable(sum));
  }
}

/// What decides the bits of a run, by name.
template <class Model>
Json options_to_json(const Trainer<Model>& trainer) {
  const TrainerOptions& o = trainer.options();
  const LearningRate& r = o.learning_rate;
  return {{"model", hex(fingerprint(describe<typename Model::Spec>()))},
          {"format", Model::Format::name},
          {"learning_rate",
           {{"peak", r.peak},
            {"floor", r.floor},
            {"warmup", r.warmup},
            {"steps", r.steps},
            {"decay", static_cast<unsigned>(r.decay)},
            {"cooldown", r.cooldown}}},
          {"optimizer",
           {{"beta1", o.optimizer.beta1},
            {"beta2", o.optimizer.beta2},
            {"eps", o.optimizer.eps},
            {"weight_decay", o.optimizer.weight_decay}}},
          {"clip_norm", o.clip_norm},
          {"load_balancing", o.load_balancing},
          {"balance", static_cast<unsigned>(o.balance)}};
}
inline void check_options(const Json& found, const Json& expected, const fs::path& file) {
  const Json there = found.flatten(), wanted = expected.flatten();  // named: items() does not keep a temporary alive
  for (const auto& [key, value] : wanted.items())
    if (const auto at = there.find(key); at == there.end() || *at != value)
      throw ConfigError(
          message(file.string(), ": option ", printable(std::string_view(key).substr(1)), " is ",
                  at == there.end() ? "missing" : at->dump(), ", expected ", value.dump(),
                  ": a run goes on with the options and data it began with; give those, or another folder"));
}

inline Json read_state(const fs::path& file) {
  const Json all = read_json(file);
  const Json& state = require_object(all, "state", file);
  if (const std::string format = require_string(state, "format", file, "state"); format != "bora-checkpoint")
    refuse_file(file, "has format ", printable(format), ", expected 'bora-checkpoint'");
  if (const std::size_t version = require_size(state, "version", file, "state"); version != 1)
    refuse_file(file, "has version ", version, " of this format, expected 1");
  const std::string sum = require_string(all, "checksum", file), found = hex(text_sum(state.dump()));
  if (sum != found) refuse_file(file, "is damaged: its checksum is ", found, ", expected ", printable(sum));
  return state;
}
inline std::uint64_t require_hex(const Json& object, std::string_view key, const fs::path& file) {
  const std::string text = require_string(object, key, file);
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != text.npos)
    refuse_file(file, "key ", printable(key), " is ", printable(text), ", expected 16 hexadecimal digits");
  return std::stoull(text, nullptr, 16);
}

/// The name of the best checkpoint, by the state that `last` names.
inline std::string best_name(const Json& state, const fs::path& file) {
  const Json* best = optional_object(state, "best", file, "state");
  if (best == nullptr) return "";
  std::string name = require_string(*best, "checkpoint", file, "state.best");
  if (!is_checkpoint_name(name))
    refuse_file(file, "names ", printable(name), " as the best checkpoint, expected one beside it");
  return name;
}

/// What a folder of checkpoints holds.
struct CheckpointFolder {
  std::string last, best;  ///< empty: none
  Json state;              ///< of the last
};
inline CheckpointFolder read_checkpoint_folder(const fs::path& folder) {
  CheckpointFolder found{.last = linked_name(folder / "last"), .best = "", .state = {}};
  if (found.last.empty()) return found;
  const fs::path file = folder / found.last / "state.json";
  found.state = read_state(file);
  found.best = best_name(found.state, file);
  return found;
}

}  // namespace detail

/// Whether a run left a checkpoint there.
inline bool has_checkpoint(const std::filesystem::path& folder) {
  return !detail::linked_name(folder / "last").empty();
}

/// Saves a run beside its earlier checkpoints, then removes those that are neither the last nor the best. `options` is
/// whatever else decides the run's bits. Throws FileError where something cannot be written or a number is not finite;
/// the earlier checkpoints stay then.
template <class Model>
void save_checkpoint(const std::filesystem::path& folder, const Trainer<Model>& trainer, const TrainingState& run,
                     const Json& options = Json::object()) {
  static_assert(std::is_same_v<typename Model::Number, float>,
                "bora: save_checkpoint: checkpoints hold F32 parameters; train in F32 or Bf16");
  detail::make_folder(folder);
  const detail::CheckpointFolder before = detail::read_checkpoint_folder(folder);
  detail::remove_others(folder, before.last, before.best);
  std::string name = detail::checkpoint_name(trainer.steps());
  for (std::size_t copy = 2; std::filesystem::exists(folder / name); ++copy)
    name = detail::checkpoint_name(trainer.steps(), copy);

  detail::PartialFolder partial(folder / name);
  save(trainer.parameters(), partial.path());
  detail::write_moments(partial.path() / "moments.safetensors", trainer.parameters().names, trainer.first_moments(),
                        trainer.second_moments());
  const Json history = {{"training", detail::points_to_json(run.history.training)},
                        {"held_out", detail::points_to_json(run.history.held_out)}};
  detail::write_json(partial.path() / "history.json", history);
  Json state = {{"format", "bora-checkpoint"},
                {"version", 1},
                {"step", trainer.steps()},
                {"data", {{"batches", run.data.batches}, {"fingerprint", detail::hex(run.data.fingerprint)}}},
                {"options", detail::options_to_json(trainer)},
                {"files", detail::list_files(partial.path())}};
  state["options"].update(options);
  const std::string best = run.best && run.best->step == trainer.steps() ? name : before.best;
  if (run.best) state["best"] = {{"step", run.best->step}, {"loss", run.best->loss}, {"checkpoint", best}};
  const Json all = {{"state", state}, {"checksum", detail::hex(detail::text_sum(state.dump()))}};
  detail::write_json(partial.path() / "state.json", all);
  partial.move_to_place();
  detail::replace_link(folder / "last", name);
  if (run.best) detail::replace_link(folder / "best", best);
  detail::remove_others(folder, name, best);
}

/// Brings a trainer, made with the options of the run, to where the last checkpoint stands; what it goes on with are
/// the same bits. Throws FileError for files that are missing, damaged or foreign, and ConfigError where model or
/// options differ; the trainer is unchanged then.
template <class Model>
TrainingState restore_checkpoint(const std::filesystem::path& folder, Trainer<Model>& trainer,
                                 const Json& options = Json::object()) {
  using Spec = typename Model::Spec;
  const detail::CheckpointFolder found = detail::read_checkpoint_folder(folder);
  if (found.last.empty()) detail::refuse_file(folder, "holds no checkpoint, expected a link 'last' to one");
  const std::filesystem::path checkpoint = folder / found.last, file = checkpoint / "state.json";
  Json expected = detail::options_to_json(trainer);
  expected.update(options);
  detail::check_options(require_object(found.state, "options", file), expected, file);
  detail::check_files(checkpoint, require_object(found.state, "files", file), file);

  TrainingState run;
  const Json& data = require_object(found.state, "data", file);
  run.data = {.batches = require_size(data, "batches", file),
              .fingerprint = detail::require_hex(data, "fingerprint", file)};
  if (const Json* best = optional_object(found.state, "best", file))
    run.best = {.step = require_size(*best, "step", file), .loss = require_number(*best, "loss", file)};
  const std::filesystem::path history_file = checkpoint / "history.json";
  const Json history = read_json(history_file);
  run.history = {.training = detail::points_from_json(history, "training", history_file),
                 .held_out = detail::points_from_json(history, "held_out", history_file)};

  Parameters<Spec> parameters = load_parameters<Spec>(checkpoint);
  const SafeTensors moments(checkpoint / "moments.safetensors");
  Parameters<Spec> first = detail::read_moments<Spec>(moments, parameters.names, "first.");
  Parameters<Spec> second = detail::read_moments<Spec>(moments, parameters.names, "second.");
  trainer.restore(require_size(found.state, "step", file), std::move(parameters), std::move(first), std::move(second));
  if (!found.best.empty() && detail::linked_name(folder / "best") != found.best)
    detail::replace_link(folder / "best", found.best);  // interrupted between the two links
  return run;
}

}  // namespace bora::inline BORA_ABI
