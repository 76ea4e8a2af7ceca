/// Checkpoints of a training run: everything needed to resume bit-identically, in a folder that is consistent at any
/// moment.
///
///     FOLDER/step-000000120/     a checkpoint
///         config.json, model.safetensors    the F32 parameters as a Hugging Face folder, for `load` and others
///         moments.safetensors               both moments, "first." and "second." before the parameters' names
///         history.json                      the losses so far, thinned
///         state.json                        step, place in the data, options, builds, checksums of the files above
///     FOLDER/last, FOLDER/best   links to the newest checkpoint and the one of the lowest held-out loss
///     FOLDER/lock                held while a program writes there
///
/// A checkpoint is written under another name, brought to the disk, renamed, and only then does `last` change, in one
/// rename. The checkpoint that `last` names is the valid one: the next save removes everything else that an
/// interruption left behind.
#pragma once
#include <bora/files/atomic_file.hpp>
#include <bora/core/error.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/io/file_tensor.hpp>
#include <bora/io/folder_lock.hpp>
#include <bora/io/json.hpp>
#include <bora/io/load.hpp>
#include <bora/io/safetensors_writer.hpp>
#include <bora/io/save.hpp>
#include <bora/model/fingerprint.hpp>
#include <bora/train/checkpoint_folder.hpp>
#include <bora/train/option_check.hpp>
#include <bora/train/progress.hpp>
#include <bora/train/token_mixture.hpp>
#include <bora/train/trainer.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Which schedule a training run resumes with if its checkpoint's differs from the trainer's.
enum class ScheduleOnResume {
  /// The checkpoint's: a trainer with another learning rate is refused, so that it cannot change unnoticed.
  unchanged,
  /// The trainer's, whatever the checkpoint's was: to lengthen a finished run. From the next step s on, the rate is the
  /// new schedule's at s, as if the run had had it from the beginning; the moments are kept. A run whose rate fell to
  /// 0 along a cosine of 1000 steps resumes in one of 1200 at 7 % of the peak; one that kept a constant rate, and is
  /// resumed from a checkpoint before its cool-down, continues without a jump.
  replaced,
};

/// State of a training run beside the trainer's own.
struct TrainingState {
  TokenMixtureState data;         ///< position in the data
  LossHistory history;            ///< losses from the first step of the run on
  std::optional<LossPoint> best;  ///< the lowest held-out loss so far
  /// The builds of the library that took part, by version, backend, instruction set and compiler. The same bits are
  /// promised for one build only; with more, training continues, but not bit-identically to any single one.
  std::vector<std::string> builds;
};

namespace detail {

inline void write_json(const fs::path& path, const Json& json) { write_file(path, json.dump() + "\n"); }
inline Json points_to_json(const std::vector<LossPoint>& points) {
  Json list = Json::array();
  for (const LossPoint& point : points) list.push_back({point.step, point.loss});
  return list;
}
inline std::vector<LossPoint> points_from_json(const Json& object, std::string_view key, const fs::path& file) {
  std::vector<LossPoint> points;
  for (const Json& point : require_array(object, key, file)) {
    if (!point.is_array() || point.size() != 2 || !is_whole_number(point[0]) || !point[1].is_number())
      refuse_file(file, "key ", printable(key), " holds ", printable(point.dump()),
                  ", expected pairs of step and loss");
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
                           require_finite(to, file, tensor.name());  // readers refuse it
                         });
  out.write(file);
}
template <ModelSpec S>
Parameters<S> read_moments(const SafeTensors& file, const CheckpointNames& names, const std::string& prefix) {
  Parameters<S> moments;
  moments.names = names;
  std::vector<float> numbers;
  for (const FileTensor& tensor : file_tensors(names, describe<S>(), tensors_of<S>())) {
    const std::string name = prefix + tensor.name();
    if (const auto& shape = file.entry(name).shape; shape != tensor.shape())
      refuse_file(file.path(), "tensor ", printable(name), " has shape ", shape_text(shape), ", expected ",
                  shape_text(tensor.shape()));
    numbers.resize(tensor.size());
    file.read(name, numbers);
    for (const FileTensor::Part& part : tensor.parts)
      part.place.for_each(part.entry.shape, [&](std::size_t in_model, std::size_t in_file) {
        moments.values()[part.entry.offset + in_model] = numbers[in_file];
      });
  }
  return moments;
}

/// Second moments are means of squares and must not be negative: AdamW takes their root.
template <ModelSpec S>
void require_squares(const Parameters<S>& second, const fs::path& file) {
  for (const float value : second.values())
    if (value < 0) refuse_file(file, "holds ", value, " as a second moment, expected 0 or more");
}

/// Size and checksum of every file in a folder.
inline Json list_files(const fs::path& folder) {
  Json files = Json::object();
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const MappedFile file(entry->path());
    files[entry->path().filename().string()] = {{"bytes", file.size()}, {"checksum", hex(text_checksum(file.text()))}};
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
    if (const std::string found = hex(text_checksum(file.text())); found != sum)
      refuse_file(file.path(), "is damaged: its checksum is ", found, ", expected ", printable(sum));
  }
}

/// The objective's facts, to compare it with the checkpoint's.
template <class O>
std::string facts_of(const O& objective) {
  if constexpr (requires { objective.facts(); })
    return objective.facts();
  else
    return "without facts";
}
/// The options that decide the bits of a training run, by name.
template <class Model, class TrainedBy>
Json options_to_json(const Trainer<Model, TrainedBy>& trainer) {
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
            {"warmup_from", r.warmup_from ? Json(*r.warmup_from) : Json()},
            {"cooldown", r.cooldown},
            {"cooldown_shape", static_cast<unsigned>(r.cooldown_shape)},
            {"cooldown_floor", r.cooldown_floor}}},
          {"optimizer",
           {{"beta1", o.optimizer.beta1},
            {"beta2", o.optimizer.beta2},
            {"eps", o.optimizer.eps},
            {"weight_decay", o.optimizer.weight_decay}}},
          {"clip_norm", o.clip_norm},
          {"load_balancing", o.load_balancing},
          {"balance", static_cast<unsigned>(o.balance)},
          {"micro_batch", o.micro_batch},
          {"noise", o.noise},
          {"objective", facts_of(trainer.objective())}};
}
/// The options in a checkpoint's state. Options that earlier versions lacked get the only value they had then; before
/// version 3 a model's fingerprint was computed in another way, so only config.json is compared.
/// \param expected  the trainer's own
inline Json stored_options(const Json& state, const Json& expected, const fs::path& file) {
  Json options = require_object(state, "options", file);
  options.emplace("micro_batch", 0);
  options.emplace("noise", 0);
  options.emplace("objective", NextTokenCrossEntropy().facts());
  const std::size_t version = require_size(state, "version", file, "state");
  if (version < 3) options["model"] = expected.at("model");
  if (version == 1)
    if (const auto rate = options.find("learning_rate"); rate != options.end() && rate->is_object())
      rate->update({{"cooldown_shape", static_cast<unsigned>(Cooldown::linear)}, {"cooldown_floor", 0.0}});
  return options;
}
inline void check_options(const Json& found, const Json& expected, const fs::path& file, ScheduleOnResume schedule) {
  const Json there = found.flatten(), wanted = expected.flatten();  // named: items() does not keep a temporary alive
  for (const auto& [key, value] : wanted.items()) {
    const bool of_schedule = key.starts_with("/learning_rate/");
    if (of_schedule && schedule == ScheduleOnResume::replaced) continue;
    if (const auto at = there.find(key); at == there.end() || *at != value)
      throw ConfigError(
          message(file.string(), ": option ", printable(std::string_view(key).substr(1)), " is ",
                  at == there.end() ? "missing" : at->dump().substr(0, 120), ", expected ", value.dump(),
                  ": a run goes on with the options and data it began with; give those, or another folder",
                  of_schedule ? ", or ask for the new schedule by ScheduleOnResume::replaced" : ""));
  }
}

inline std::uint64_t require_hex(const Json& object, std::string_view key, const fs::path& file) {
  const std::string text = require_string(object, key, file);
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != text.npos)
    refuse_file(file, "key ", printable(key), " is ", printable(text), ", expected 16 hexadecimal digits");
  return std::stoull(text, nullptr, 16);
}

/// The build of the library in this program; it decides the bits.
inline std::string build_name() {
#define BORA_QUOTE2(...) #__VA_ARGS__
#define BORA_QUOTE(...) BORA_QUOTE2(__VA_ARGS__)
  return BORA_QUOTE(BORA_ABI);
#undef BORA_QUOTE
#undef BORA_QUOTE2
}
inline std::vector<std::string> with_this_build(std::vector<std::string> builds) {
  if (std::ranges::find(builds, build_name()) == builds.end()) builds.push_back(build_name());
  return builds;
}
inline std::vector<std::string> builds_from_json(const Json& state, const fs::path& file) {
  std::vector<std::string> builds;
  for (const Json& build : require_array(state, "builds", file, "state")) {
    if (!build.is_string()) refuse_file(file, "key 'state.builds' holds ", json_kind(build), ", expected strings");
    builds.push_back(build.get<std::string>());
  }
  return builds;
}

/// Throws FileError for losses that are not finite, which JSON cannot store.
inline void require_finite_losses(const TrainingState& run, const fs::path& folder) {
  const auto check = [&](std::string_view what, std::span<const LossPoint> points) {
    for (const LossPoint& point : points)
      if (!std::isfinite(point.loss))
        refuse_file(folder, "no checkpoint is written: the ", what, " loss of step ", point.step, " is ", point.loss,
                    ", expected a finite number");
  };
  check("training", run.history.training);
  check("held-out", run.history.held_out);
  if (run.best) check("best", std::span(&*run.best, 1));
}

/// The checkpoint with the best parameters: the new one, or an earlier one; empty if they are in another folder.
inline std::string best_checkpoint(const TrainingState& run, std::size_t step, const std::string& name,
                                   const CheckpointFolder& before) {
  if (!run.best) return "";
  if (run.best->step == step) return name;
  return before.best_point == run.best ? before.best : "";
}

inline Json history_to_json(const LossHistory& history) {
  return {{"training", points_to_json(history.training)}, {"held_out", points_to_json(history.held_out)}};
}

/// The state of a run whose other files are in `folder`.
template <class Model, class TrainedBy>
Json state_to_json(const Trainer<Model, TrainedBy>& trainer, const TrainingState& run, const Json& options,
                   const std::string& best, const fs::path& folder) {
  Json state = {{"format", "bora-checkpoint"},
                {"version", 3},
                {"step", trainer.steps()},
                {"data", {{"batches", run.data.batches}, {"fingerprint", hex(run.data.fingerprint)}}},
                {"options", options_to_json(trainer)},
                {"builds", with_this_build(run.builds)},
                {"files", list_files(folder)}};
  state["options"].update(options);
  if (run.best) state["best"] = {{"step", run.best->step}, {"loss", run.best->loss}};
  if (!best.empty()) state["best"]["checkpoint"] = best;
  return state;
}

/// Call only while holding the folder's lock. Every error is thrown before the first link changes.
template <class Model, class TrainedBy>
void write_checkpoint(const fs::path& folder, const Trainer<Model, TrainedBy>& trainer, const TrainingState& run,
                      const Json& options) {
  static_assert(std::is_same_v<typename Model::Number, float>,
                "bora: save_checkpoint: checkpoints hold F32 parameters; train in F32 or Bf16");
  require_finite_losses(run, folder);
  const CheckpointFolder before = recover_checkpoint_folder(folder);
  const std::string name = free_checkpoint_name(folder, trainer.steps());
  const std::string best = best_checkpoint(run, trainer.steps(), name, before);

  PartialFolder partial(folder / name);
  save(trainer.parameters(), partial.path());
  write_moments(partial.path() / "moments.safetensors", trainer.parameters().names, trainer.first_moments(),
                trainer.second_moments());
  write_json(partial.path() / "history.json", history_to_json(run.history));
  const Json state = state_to_json(trainer, run, options, best, partial.path());
  write_json(partial.path() / "state.json", {{"state", state}, {"checksum", hex(text_checksum(state.dump()))}});
  partial.move_to_place();
  set_link(folder / "last", name);
  if (linked_name(folder / "best") != best) set_link(folder / "best", best);
  remove_others(folder, name, best);
}

/// What a checkpoint holds beside parameters and moments.
inline TrainingState read_run(const CheckpointFolder& found, const fs::path& checkpoint) {
  const fs::path file = checkpoint / "state.json", history_file = checkpoint / "history.json";
  const Json& data = require_object(found.state, "data", file);
  const Json history = read_json(history_file);
  return {
      .data = {.batches = require_size(data, "batches", file), .fingerprint = require_hex(data, "fingerprint", file)},
      .history = {.training = points_from_json(history, "training", history_file),
                  .held_out = points_from_json(history, "held_out", history_file)},
      .best = found.best_point,
      .builds = builds_from_json(found.state, file)};
}

/// A whole checkpoint, read before the trainer is changed.
template <ModelSpec S>
struct ReadCheckpoint {
  TrainingState run;
  std::size_t steps;
  Parameters<S> parameters, first, second;
};
template <class Model, class TrainedBy>
ReadCheckpoint<typename Model::Spec> read_checkpoint(const fs::path& folder, const Trainer<Model, TrainedBy>& trainer,
                                                     const Json& options, ScheduleOnResume schedule) {
  using S = typename Model::Spec;
  const CheckpointFolder found = read_checkpoint_folder(folder);
  if (found.last.empty()) refuse_file(folder, "holds no checkpoint, expected a link 'last' to one");
  const fs::path checkpoint = folder / found.last, file = checkpoint / "state.json";
  Json expected = options_to_json(trainer);
  expected.update(options);
  check_options(stored_options(found.state, expected, file), expected, file, schedule);
  check_files(checkpoint, require_object(found.state, "files", file), file);

  Parameters<S> parameters = load_parameters<S>(checkpoint);
  const SafeTensors moments(checkpoint / "moments.safetensors");
  Parameters<S> first = read_moments<S>(moments, parameters.names, "first.");
  Parameters<S> second = read_moments<S>(moments, parameters.names, "second.");
  require_squares(second, moments.path());
  return {read_run(found, checkpoint), require_size(found.state, "step", file), std::move(parameters), std::move(first),
          std::move(second)};
}

}  // namespace detail

/// Whether a run left a checkpoint there.
inline bool has_checkpoint(const std::filesystem::path& folder) {
  return !detail::linked_name(folder / "last").empty();
}

/// Saves a run beside its earlier checkpoints, then removes those that are neither the last nor the best. `options`
/// holds further facts that decide the training run's bits. If the best loss belongs to a checkpoint in another folder,
/// where the run began, it is recorded without a link. Throws FileError where something cannot be written, a parameter,
/// moment or loss is not finite, or another program writes to the folder; the earlier checkpoints stay then.
template <class Model, class TrainedBy>
void save_checkpoint(const std::filesystem::path& folder, const Trainer<Model, TrainedBy>& trainer,
                     const TrainingState& run, const Json& options = Json::object()) {
  detail::make_folder(folder);
  const FolderLock lock(folder);
  detail::write_checkpoint(folder, trainer, run, options);
}

/// Restores a trainer, made with the training run's options, from the last checkpoint. Training resumes bit-identically
/// if only this build took part (`builds`). The folder is only read. Throws FileError for files that are missing,
/// damaged or foreign, and ConfigError if model or options differ; the trainer is unchanged then.
/// \param options   as given to `save_checkpoint`
/// \param schedule  whether the trainer's learning rate may differ from the checkpoint's
template <class Model, class TrainedBy>
TrainingState restore_checkpoint(const std::filesystem::path& folder, Trainer<Model, TrainedBy>& trainer,
                                 const Json& options = Json::object(),
                                 ScheduleOnResume schedule = ScheduleOnResume::unchanged) {
  auto found = detail::read_checkpoint(folder, trainer, options, schedule);
  trainer.restore(found.steps, std::move(found.parameters), std::move(found.first), std::move(found.second));
  return std::move(found.run);
}

}}  // namespace bora::BORA_ABI
