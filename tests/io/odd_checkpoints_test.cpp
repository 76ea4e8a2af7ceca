#include "io/model_folder.hpp"
#include "io/small_models.hpp"
#include <bora/io/hugging_face.hpp>
#include <bora/io/load.hpp>
#include <bora/io/save.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using bora::FileError;
using bora::Json;
using namespace io_test;

struct Tied : Llama {
  static constexpr bool tie_embeddings = true;
};
struct Windowed : Mixtral {  // Mixtral with a window
  using Attention = bora::GroupedQueryAttention<grouped, bora::SlidingWindow<5>, bora::Rope<1e6>>;
};

/// A folder of S whose tensors were renamed or changed, in as many shards as it takes.
template <class S>
class Folder {
 public:
  using Edit = std::function<void(Tensors&)>;

  explicit Folder(const Edit& edit = [](Tensors&) {}) {
    bora::save(counted_parameters<S>(), folder_.path());
    Tensors tensors = read_tensors(file());
    edit(tensors);
    write_tensors(file(), tensors);
  }
  std::filesystem::path file() const { return folder_ / "model.safetensors"; }
  const TemporaryFolder& folder() const { return folder_; }

  /// Half of the tensors in each of two shards; `edit` changes the index.
  void split(const std::function<void(Json&)>& edit) const {
    const Tensors all = read_tensors(file());
    std::filesystem::remove(file());
    Tensors shards[2];
    Json map = Json::object();
    for (const auto& [name, tensor] : all) {
      const std::size_t shard = shards[0].size() < all.size() / 2 ? 0 : 1;
      shards[shard][name] = tensor;
      map[name] = names[shard];
    }
    edit(map);
    for (const std::size_t shard : {0, 1}) write_tensors(folder_ / names[shard], shards[shard]);
    folder_.file("model.safetensors.index.json", Json{{"weight_map", map}}.dump());
  }
  static constexpr const char* names[2] = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};

  std::string complaint() const {
    return complaint_of<bora::Error>([&] { bora::load_parameters<S>(folder_.path()); });
  }
  /// It holds what counted_parameters holds.
  void check_loads() const {
    CHECK(complaint() == "");
    if (complaint() == "")
      CHECK(same_bits(bora::load_parameters<S>(folder_.path()).values(), counted_parameters<S>().values()));
    CHECK(complaint_of<bora::Error>([&] { bora::check_checkpoint(folder_.path(), bora::describe<S>()); }) == "");
  }

 private:
  TemporaryFolder folder_;
};

void rename(Tensors& tensors, const std::function<std::string(const std::string&)>& to) {
  Tensors renamed;
  for (auto& [name, tensor] : tensors) renamed[to(name)] = std::move(tensor);
  tensors = std::move(renamed);
}
template <class S>
void loads_renamed(const std::function<std::string(const std::string&)>& to) {
  const Folder<S> folder([&](Tensors& tensors) { rename(tensors, to); });
  INFO(to("model.layers.0.x") << " and " << to("lm_head.weight"));
  folder.check_loads();
}
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

/// Every expert's matrices in two tensors of three axes, gates before ups.
template <class S>
void fuse_experts(Tensors& tensors, const std::string& block) {
  const std::size_t experts = S::FeedForward::experts;
  for (std::size_t layer = 0; layer < S::layers; ++layer) {
    const std::string old = bora::detail::message("model.layers.", layer, ".block_sparse_moe.");
    const std::string now = bora::detail::message("model.layers.", layer, ".", block);
    NumbersOf gate_up, down;
    for (std::size_t e = 0; e < experts; ++e) {
      const auto append = [&](const char* word, NumbersOf& to) {
        const auto node = tensors.extract(bora::detail::message(old, "experts.", e, ".", word, ".weight"));
        const NumbersOf& from = node.mapped();
        to.shape = {experts, to.shape.empty() || &to == &down ? from.shape[0] : 2 * from.shape[0], from.shape[1]};
        to.values.insert(to.values.end(), from.values.begin(), from.values.end());
      };
      append("w1", gate_up);
      append("w3", gate_up);
      append("w2", down);
    }
    gate_up.shape[1] = gate_up.values.size() / experts / gate_up.shape[2];
    NumbersOf router = tensors.extract(old + "gate.weight").mapped();
    tensors[now + "gate.weight"] = std::move(router);
    tensors[now + "experts.gate_up_proj"] = std::move(gate_up);
    tensors[now + "experts.down_proj"] = std::move(down);
  }
}

}  // namespace

TEST_CASE("What wrappers add to names is taken away wherever it stands", "[io]") {
  using Name = const std::string&;
  for (const char* front : {"_orig_mod.", "module.", "_fsdp_wrapped_module.", "_orig_mod.module.", "module._orig_mod.",
                            "_forward_module.", "model.", "base_model.model.", "language_model.", "transformer.",
                            "model.language_model.", "_orig_mod.base_model.model."})
    loads_renamed<Llama>([&](Name name) { return front + name; });
  loads_renamed<Llama>([](Name name) { return replaced(name, "model.", "model._orig_mod."); });
  loads_renamed<Llama>([](Name name) { return replaced(name, ".self_attn", "._checkpoint_wrapped_module.self_attn"); });
  loads_renamed<Llama>([](Name name) { return replaced(name, "q_proj.", "q_proj.base_layer."); });
  loads_renamed<Llama>([](Name name) { return replaced(name, "model.", "model.language_model."); });  // head: as it is
  loads_renamed<Llama>([](Name name) { return replaced(name, "model.", "language_model.model."); });
  loads_renamed<Gpt2>([](Name name) { return "module." + replaced(name, "transformer.", ""); });
  loads_renamed<Gpt2>([](Name name) { return "_orig_mod." + name; });
  loads_renamed<Falcon40>([](Name name) { return "model." + name; });
  loads_renamed<NeoX>([](Name name) { return "_orig_mod." + replaced(name, ".attention.", ".module.attention."); });
  loads_renamed<Mixtral>([](Name name) { return "module." + replaced(name, "experts.1", "experts.1._orig_mod"); });
  loads_renamed<Olmo>([](Name name) { return "model.model." + replaced(name, "model.", ""); });
}

TEST_CASE("Two names that differ by wrappers only are refused", "[io]") {
  const Folder<Llama> folder(
      [](Tensors& tensors) { tensors["module.model.norm.weight"] = tensors["model.norm.weight"]; });
  check_contains(folder.complaint(),
                 "model.safetensors: holds the tensors 'model.norm.weight' and 'module.model.norm.weight', which are "
                 "both 'model.norm.weight' without what wrappers add, expected one of them");
}

TEST_CASE("Where names do not match, what stands in front of them is said", "[io]") {
  const Folder<Llama> folder(
      [](Tensors& tensors) { rename(tensors, [](const std::string& name) { return "policy.actor." + name; }); });
  check_contains(folder.complaint(),
                 "has no tensor 'model.embed_tokens.weight', expected it with shape [11, 12]; 'policy.actor.' stands "
                 "in front of the names that are there, as in 'policy.actor.model.embed_tokens.weight'");
}

TEST_CASE("A tied head may be listed and absent, stored twice, or stored in the embedding's place", "[io]") {
  const auto head_only = [](Tensors& tensors) {
    tensors["lm_head.weight"] = tensors.extract("model.embed_tokens.weight").mapped();
  };
  Folder<Tied>(head_only).check_loads();
  Folder<Tied>([&](Tensors& tensors) {
    head_only(tensors);
    rename(tensors, [](const std::string& name) { return "module." + name; });
  }).check_loads();
  Folder<Falcon40>([](Tensors& tensors) {
    tensors["lm_head.weight"] = tensors.extract("transformer.word_embeddings.weight").mapped();
  }).check_loads();
  Folder<Gpt2>([](Tensors& tensors) {
    tensors["lm_head.weight"] = tensors.extract("transformer.wte.weight").mapped();
  }).check_loads();
  const Folder<Tied> listed, in_lost_shard,
      twice([](Tensors& tensors) { tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]; });
  listed.split([](Json& map) { map["lm_head.weight"] = Folder<Tied>::names[1]; });
  listed.check_loads();
  in_lost_shard.split([](Json& map) { map["lm_head.weight"] = "model-00003-of-00002.safetensors"; });
  in_lost_shard.check_loads();
  twice.split([](Json& map) { map.erase("lm_head.weight"); });  // there, and not listed
  twice.check_loads();
  const Folder<Llama> untied([](Tensors& tensors) { tensors.erase("lm_head.weight"); });
  check_contains(untied.complaint(), "has no tensor 'lm_head.weight', expected it with shape [11, 12]");
  const Folder<Tied> neither([](Tensors& tensors) { tensors.erase("model.embed_tokens.weight"); });
  check_contains(neither.complaint(), "has no tensor 'model.embed_tokens.weight'");
}

TEST_CASE("An index matters where it is about a tensor that is needed", "[io]") {
  constexpr const char* query = "model.layers.1.self_attn.q_proj.weight";
  const Folder<Llama> ghost, elsewhere, lost;
  ghost.split([](Json& map) {
    map["ghost"] = Folder<Llama>::names[0];
    map["model.layers.7.mlp.up_proj.weight"] = "model-00009-of-00009.safetensors";
  });
  ghost.check_loads();
  elsewhere.split([&](Json& map) {
    map[query] = map[query] == Folder<Llama>::names[0] ? Folder<Llama>::names[1] : Folder<Llama>::names[0];
  });
  check_contains(elsewhere.complaint(), bora::detail::message("holds tensor '", query, "', which model.safetensors."));
  lost.split([&](Json& map) { map[query] = "lost.safetensors"; });
  check_contains(lost.complaint(), "lists the file 'lost.safetensors', which is not in the folder");
  const Folder<Llama> foreign(
      [](Tensors& tensors) { tensors["model.layers.0.self_attn.q_proj.bias"] = {{12}, std::vector<float>(12)}; });
  foreign.split([](Json& map) { map.erase("model.layers.0.self_attn.q_proj.bias"); });
  check_contains(foreign.complaint(), "'model.layers.0.self_attn.q_proj.bias', which the model's type does not have");
}

TEST_CASE("Rotary tables and masks of any family are passed over", "[io]") {
  const NumbersOf table{{1}, {1}}, mask{{1, 1, 2, 2}, {1, 0, 1, 1}}, number{{}, {-1e9f}};
  Folder<Llama>([&](Tensors& tensors) {
    for (const char* word : {"inv_freq", "cos_cached", "sin_cached"}) {
      tensors[std::string("model.layers.1.self_attn.rotary_emb.") + word] = table;
      tensors[std::string("model.rotary_emb.") + word] = table;
    }
    tensors["model.layers.0.self_attn.bias"] = mask;
    tensors["model.layers.0.self_attn.masked_bias"] = number;
    tensors["model.layers.0.attention.masked_bias"] = number;
  }).check_loads();
  Folder<Falcon7>([&](Tensors& tensors) {
    tensors["transformer.h.1.self_attention.rotary_emb.inv_freq"] = table;
    tensors["transformer.h.1.self_attention.maybe_rotary.inv_freq"] = table;
    tensors["transformer.rotary_emb.cos_cached"] = table;
  }).check_loads();
  Folder<NeoX>([&](Tensors& tensors) {
    tensors["gpt_neox.rotary_emb.inv_freq"] = table;
    tensors["gpt_neox.layers.0.attention.rotary_emb.sin_cached"] = table;
    tensors["gpt_neox.layers.0.attention.bias"] = mask;
  }).check_loads();
  Folder<Mpt>([&](Tensors& tensors) { tensors["transformer.blocks.1.attn.bias"] = mask; }).check_loads();
  // A model whose attention does not turn has no such table, and a vector is no mask.
  for (const char* name : {"transformer.h.0.attn.rotary_emb.inv_freq", "transformer.h.0.attn.bias"})
    check_contains(Folder<Gpt2>([&](Tensors& tensors) { tensors[name] = table; }).complaint(),
                   bora::detail::message("holds tensor '", name, "', which the model's type does not have"));
}

TEST_CASE("What changes the formula is refused by name", "[io]") {
  const auto refused = [](const char* name) {
    return Folder<Llama>([&](Tensors& tensors) { tensors[name] = {{2}, {1, 1}}; }).complaint();
  };
  check_contains(refused("model.layers.0.self_attn.q_norm.weight"), "'model.layers.0.self_attn.q_norm.weight', which");
  check_contains(
      refused("model.layers.0.self_attn.q_proj.lora_A.weight"),
      "which the model's type does not have: an adapter changes what a layer computes; merge it into its base");
  check_contains(refused("model.layers.0.mlp.up_proj.bias"), "which the model's type does not have");
  check_contains(refused("model.layers.0.mlp.up_proj.scales"), "weights quantised by another tool (GPTQ, AWQ or MLX)");
}

TEST_CASE("Fused experts give the numbers of separate ones", "[io]") {
  for (const char* block : {"mlp.", "block_sparse_moe."}) {
    Folder<Mixtral>([&](Tensors& tensors) { fuse_experts<Mixtral>(tensors, block); }).check_loads();
    Folder<Windowed>([&](Tensors& tensors) { fuse_experts<Windowed>(tensors, block); }).check_loads();
  }
  const Folder<Mixtral> sharded([](Tensors& tensors) {
    fuse_experts<Mixtral>(tensors, "mlp.");
    rename(tensors, [](const std::string& name) { return "_orig_mod." + name; });
  });
  sharded.split([](Json&) {});
  sharded.check_loads();
  const Folder<Mixtral> reshaped([](Tensors& tensors) {
    fuse_experts<Mixtral>(tensors, "mlp.");
    tensors["model.layers.1.mlp.experts.gate_up_proj"].shape = {3, 12, 40};  // [in, out], as other models have it
  });
  check_contains(reshaped.complaint(), "has shape [3, 12, 40], expected [3, 40, 12]");
}

TEST_CASE("A checkpoint in another program's dialect is saved in the family's", "[io]") {
  const Folder<Mixtral> fused([](Tensors& tensors) { fuse_experts<Mixtral>(tensors, "mlp."); });
  const TemporaryFolder again;
  bora::save(bora::load_parameters<Mixtral>(fused.folder().path()), again.path());
  CHECK(read_tensors(again / "model.safetensors").contains("model.layers.0.block_sparse_moe.experts.2.w3.weight"));
}

TEST_CASE("Experts spelled out, and projections that are fused, are read", "[io]") {
  loads_renamed<Mixtral>([](const std::string& name) {
    std::string now = replaced(name, "block_sparse_moe", "mlp");
    for (const auto& [from, to] :
         {std::pair(".w1.", ".gate_proj."), std::pair(".w2.", ".down_proj."), std::pair(".w3.", ".up_proj.")})
      now = replaced(now, from, to);
    return now;
  });
  Folder<Llama>([](Tensors& tensors) {
    for (const char* layer : {"model.layers.0.", "model.layers.1."}) {
      const auto join = [&](const std::string& to, const std::vector<const char*>& parts) {
        NumbersOf all;
        for (const char* part : parts) {
          const NumbersOf one = tensors.extract(layer + std::string(part) + ".weight").mapped();
          all.shape = {all.shape.empty() ? one.shape[0] : all.shape[0] + one.shape[0], one.shape[1]};
          all.values.insert(all.values.end(), one.values.begin(), one.values.end());
        }
        tensors[layer + to] = all;
      };
      join("self_attn.qkv_proj.weight", {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"});
      join("mlp.gate_up_proj.weight", {"mlp.gate_proj", "mlp.up_proj"});
    }
  }).check_loads();
}

TEST_CASE("Strips of a tensor are its rows, wherever they stand in the file", "[io]") {
  const auto check = []<class S>(S) {
    const Folder<S> folder;
    const auto file = bora::HuggingFaceFolder::of<S>(folder.folder().path());
    for (const bora::TensorEntry& entry : bora::tensors_of<S>()) {
      const std::size_t cols = std::max<std::size_t>(entry.shape.cols, 1);
      std::vector<float> whole(entry.shape.size()), strip;
      file.read(entry.id, entry.shape, whole);
      for (std::size_t begin = 0; begin < entry.shape.rows; begin += 5) {
        const bora::Range rows{begin, std::min(begin + 5, entry.shape.rows)};
        strip.assign(rows.size() * cols, 0);
        file.read(entry.id, entry.shape, rows, strip);
        CHECK(std::equal(strip.begin(), strip.end(), whole.begin() + static_cast<std::ptrdiff_t>(begin * cols)));
      }
    }
  };
  check(Llama{});
  check(Gpt2{});
  check(Falcon40{});
  check(NeoX{});
}

TEST_CASE("A folder without weights that can be read says what it has", "[io]") {
  const Folder<Llama> folder;
  const auto says = [&](const char* name) {
    const TemporaryFolder other;
    std::filesystem::copy(folder.folder() / "config.json", other / "config.json");
    other.file(name, "x");
    return complaint_of<FileError>([&] { bora::load_parameters<Llama>(other.path()); });
  };
  check_contains(says("llama-q4.gguf"),
                 "; it holds 'llama-q4.gguf', a GGUF file: give its path instead of the folder's");
  check_contains(says("pytorch_model-00001-of-00002.bin"), "expected it converted to safetensors");
  check_contains(says("consolidated.00.pth"), "; it holds 'consolidated.00.pth', Meta's own format");
  check_contains(says("adapter_model.safetensors"), "an adapter (LoRA) without its base model: merge");
  check_contains(says("model-00001-of-00002.safetensors"), "a shard without its model.safetensors.index.json");
  check_contains(says("other.safetensors"), "its path may be given instead of the folder's");
  check_contains(says("model.safetensors.incomplete"), "a download that was not finished");
  const TemporaryFolder bare;
  bare.file("a.gguf", "GGUF");
  check_contains(complaint_of<FileError>([&] { bora::load_parameters<Llama>(bare.path()); }),
                 "config.json: does not exist; it holds 'a.gguf', a GGUF file");
  check_contains(complaint_of<FileError>([&] { bora::load_parameters<Llama>(bare / "a.gguf"); }),
                 "a.gguf: ends inside the version: 4 bytes wanted, 0 left");
  bare.file("a.weights", "GGUF");
  check_contains(complaint_of<FileError>([&] { bora::load_parameters<Llama>(bare / "a.weights"); }),
                 "is of no known format, expected a Hugging Face folder, a .safetensors or .gguf file, or llama2.c's "
                 ".bin: it is a GGUF file: name it so that it ends in .gguf");
}

TEST_CASE("What stands in place of weights is recognised by its first bytes", "[io]") {
  const Folder<Llama> folder;
  const auto says = [&](const std::string& bytes) {
    folder.folder().file("model.safetensors", bytes);
    return folder.complaint();
  };
  check_contains(says("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"),
                 "is no safetensors file but a git-lfs pointer: `git lfs pull` in the clone fetches the content");
  check_contains(says("\n  <!DOCTYPE html>\n<html>"), "is no safetensors file but an HTML page");
  check_contains(says("<?xml version=\"1.0\"?><Error>"), "is no safetensors file but an XML document");
  check_contains(says("{\"error\":\"Repository not found\"}"),
                 "is no safetensors file: it begins with '{\"error\":\"Repository not found\"}'");
  check_contains(says("Entry not found"), "is no safetensors file: it begins with 'Entry not found'");
  check_contains(says("\x1f\x8b\x08 and so on"), "but a gzip archive: unpack it first");
  check_contains(says(std::string("PK\3\4\0\0\x8\x8", 8) + std::string(100, 'x')), "but a zip archive, as PyTorch's");
  check_contains(says("\x80\2}q\1 and so on"), "but a pickle, as PyTorch's");
  check_contains(says("GGUF\3 and so on"), "but a GGUF file: name it so that it ends in .gguf");
  check_contains(says("Hi"), "is 2 bytes long, expected 8 for the header's size: it is no safetensors file");
  check_contains(says(support::as_bytes(std::uint64_t{500}) + "{\"x\":"), "bytes follow: the file is cut short");
  std::filesystem::remove(folder.file());
  std::filesystem::create_symlink("../../blobs/0a1b", folder.file());
  check_contains(folder.complaint(), "model.safetensors: does not exist: it is a link to '../../blobs/0a1b'");
}

TEST_CASE("Weights quantised by other tools are refused as such", "[io]") {
  constexpr const char* query = "model.layers.1.self_attn.q_proj.weight";
  const auto says = [&](const char* instead) {
    return Folder<Llama>([&](Tensors& tensors) {
             tensors[replaced(query, ".weight", instead)] = tensors.extract(query).mapped();
           })
        .complaint();
  };
  check_contains(says(".qweight"),
                 "has no tensor 'model.layers.1.self_attn.q_proj.weight', expected it with shape [12, 12]; it holds "
                 "'model.layers.1.self_attn.q_proj.qweight', weights quantised by another tool (GPTQ or AWQ), which");
  check_contains(says(".weight_packed"), "weights quantised by another tool (compressed-tensors)");
  check_contains(says(".weight.absmax"), "weights quantised by another tool (bitsandbytes)");
  for (const std::string_view dtype : {"U8", "I8", "F8_E4M3"}) {
    const Folder<Llama> folder;
    const std::string header = bora::detail::message("{\"model.embed_tokens.weight\":{\"dtype\":\"", dtype,
                                                     "\",\"shape\":[11,12],\"data_offsets\":[0,132]}}");
    folder.folder().file("model.safetensors",
                         support::as_bytes(std::uint64_t{header.size()}) + header + std::string(132, 'x'));
    check_contains(folder.complaint(), bora::detail::message("has dtype ", dtype,
                                                             ", expected F32, F16, BF16 or F64: it "
                                                             "was quantised by another tool, which this library does"));
  }
}
