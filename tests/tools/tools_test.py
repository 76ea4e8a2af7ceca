#!/usr/bin/env python3
"""Tests of the scripts beside it: tools_test.py"""
import contextlib
import io
import math
import struct
import tempfile
import unittest
from pathlib import Path

import check_rooms
import check_syntax
import coverage
import cut_case
import make_spec
import measure_compile
import pairwise
import read_report

LLAMA = {"model_type": "llama", "vocab_size": 256, "hidden_size": 48, "num_hidden_layers": 2, "intermediate_size": 96,
         "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 256, "rms_norm_eps": 1e-05}
MPT = {"model_type": "mpt", "vocab_size": 256, "d_model": 48, "n_layers": 2, "n_heads": 4, "max_seq_len": 256,
       "attn_config": {"alibi": True}}
FALCON = {"model_type": "falcon", "vocab_size": 256, "hidden_size": 48, "num_hidden_layers": 2,
          "num_attention_heads": 4}
NEOX = {"model_type": "gpt_neox", "vocab_size": 256, "hidden_size": 48, "num_hidden_layers": 2,
        "intermediate_size": 128, "num_attention_heads": 3}


class MakeSpec(unittest.TestCase):
    def spec(self, base, **changes):
        return make_spec.make_spec({**base, **changes})

    def test_head_dim_is_width_over_heads_unless_it_is_given(self):
        self.assertIn("{.heads = 6, .kv_heads = 2, .head_dim = 8}", self.spec(LLAMA))
        self.assertIn("{.heads = 6, .kv_heads = 2, .head_dim = 20}", self.spec(LLAMA, head_dim=20))
        with self.assertRaises(make_spec.Unsupported):
            self.spec(LLAMA, num_attention_heads=5)

    def test_key_value_heads_decide_the_kind_of_attention(self):
        self.assertIn("MultiHeadAttention", self.spec(LLAMA, num_key_value_heads=None))
        self.assertIn("MultiQueryAttention", self.spec(LLAMA, num_key_value_heads=1))
        with self.assertRaises(make_spec.Unsupported):
            self.spec(LLAMA, num_key_value_heads=4)

    def test_a_window_of_null_is_no_window(self):
        mistral = {**LLAMA, "model_type": "mistral"}
        self.assertIn("SlidingWindow<8>", self.spec(mistral, sliding_window=8))
        self.assertIn("Causal", self.spec(mistral, sliding_window=None))
        self.assertIn("SlidingWindow<4096>", self.spec(mistral))  # what the family means when it says nothing

    def test_numbers_are_doubles(self):
        self.assertIn("Rope<1000000.0>", self.spec(LLAMA, rope_theta=1000000))
        self.assertIn("RmsNorm<1e-05>", self.spec(LLAMA))
        self.assertIn("Alibi<16.0>", self.spec(MPT, attn_config={"alibi": True, "alibi_bias_max": 16}))

    def test_scaled_positions_have_their_policy(self):
        self.assertIn("Rope<10000.0>", self.spec(LLAMA, rope_scaling={"rope_type": "default"}))
        self.assertIn("Rope<10000.0>", self.spec(LLAMA, rope_scaling=None))
        linear = "bora::Rope<10000.0, 1.0, bora::LinearScaling<2.0>>"
        self.assertIn(linear, self.spec(LLAMA, rope_scaling={"type": "linear", "factor": 2}))
        self.assertIn(linear, self.spec(LLAMA, rope_scaling={"rope_type": None, "type": "linear", "factor": 2}))
        self.assertIn(linear, self.spec(LLAMA, rope_parameters={"rope_type": "linear", "factor": 2, "rope_theta": 1e4}))
        self.assertIn("Rope<10000.0, 0.25, bora::LinearScaling<2.0>>",
                      self.spec(NEOX, rope_scaling={"type": "linear", "factor": 2}))
        self.assertIn("bora::YarnScaling<bora::YarnSettings{.factor = 4.0, .original_context = 256.0, "
                      ".beta_fast = 16.0, .beta_slow = 1.0}>",
                      self.spec(LLAMA, rope_scaling={"rope_type": "yarn", "factor": 4, "beta_fast": 16}))
        self.assertIn("bora::Llama3Scaling<bora::Llama3Settings{.factor = 8.0, .low_frequency = 1.0, "
                      ".high_frequency = 4.0, .original_context = 8192.0}>",
                      self.spec(LLAMA, rope_scaling={"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                                                     "high_freq_factor": 4, "original_max_position_embeddings": 8192}))

    def test_scalings_without_a_policy_are_refused(self):
        for scaling in ({"type": "dynamic", "factor": 2.0}, {"type": "linear"}, {"rope_type": "llama3", "factor": 8.0},
                        {"type": "yarn", "factor": 4.0, "alpha": 1.0}, {"type": "linear", "factor": 4.0, "mscale": 1.0},
                        {"type": "linear", "factor": 4.0, "attention_factor": 2.0}):
            with self.subTest(scaling), self.assertRaises(make_spec.Unsupported):
                self.spec(LLAMA, rope_scaling=scaling)

    def test_factors_of_yarn_are_the_papers_unless_the_file_says_so(self):
        yarn = lambda **more: self.spec(LLAMA, rope_scaling={"type": "yarn", "factor": 4.0, **more})
        self.assertNotIn("attention_factor", yarn(attention_factor=1.138629436111989))
        self.assertNotIn("attention_factor", yarn(mscale=1.0))
        self.assertIn(".attention_factor = 1.5}", yarn(attention_factor=1.5, mscale=2.0, mscale_all_dim=1.0))
        self.assertIn(".attention_factor = 1.12", yarn(mscale=2.0, mscale_all_dim=1.0))
        self.assertIn(".truncate = false}", yarn(truncate=False))
        self.assertIn("Rope<10000.0>", self.spec(LLAMA, rope_scaling={"type": "linear", "factor": 1.0}))

    def test_activations_and_biases_decide_the_feed_forward(self):
        self.assertIn("SwiGlu<96>", self.spec(LLAMA))
        self.assertIn("GeGlu<96, bora::Bias>", self.spec(LLAMA, hidden_act="gelu", mlp_bias=True))
        self.assertIn("Mlp<128, bora::Relu, bora::Bias>", self.spec(NEOX, hidden_act="relu"))
        self.assertIn("Mlp<128, bora::GeluTanh, bora::Bias>", self.spec(NEOX, hidden_act="gelu_fast"))
        self.assertIn("GeGluTanh<96>", self.spec(LLAMA, hidden_act="gelu_new"))
        for name in ("relu", "mish"):
            with self.assertRaisesRegex(make_spec.Unsupported, "hidden_act"):
                self.spec(LLAMA, hidden_act=name)

    def test_kinds_of_layers_are_named_once_and_repeat(self):
        olmo3 = {**LLAMA, "model_type": "olmo3", "num_hidden_layers": 6, "rope_theta": 5e5, "sliding_window": 8,
                 "rope_scaling": {"rope_type": "yarn", "factor": 8, "original_max_position_embeddings": 64,
                                  "attention_factor": 1.3}}
        text = self.spec(olmo3)
        self.assertIn("using Attention = bora::Layers<Sliding, Sliding, Sliding, Full>;", text)
        self.assertIn("bora::SlidingWindow<8>, bora::Rope<500000.0>, bora::QkNorm<bora::WholeWidth", text)
        self.assertIn(".attention_factor = 1.3}", text)
        self.assertIn("using Residual = bora::OutputNormResidual;", text)
        text = self.spec(olmo3, layer_types=["full_attention"] * 6)
        self.assertIn("using Attention = bora::GroupedQueryAttention", text)
        with self.assertRaisesRegex(make_spec.Unsupported, "layer_types"):
            self.spec(olmo3, layer_types=["full_attention"])
        with self.assertRaisesRegex(make_spec.Unsupported, "rope_theta"):
            self.spec({**olmo3, "rope_theta": None})

    def test_windows_of_qwen_count_only_if_they_are_used(self):
        qwen = {**LLAMA, "model_type": "qwen2", "sliding_window": 8, "max_window_layers": 1}
        self.assertNotIn("SlidingWindow", self.spec(qwen))
        self.assertIn("Layers<Full, Sliding>", self.spec(qwen, use_sliding_window=True))
        self.assertIn("bora::QkvBias", self.spec(qwen))

    def test_layers_with_experts_are_those_that_the_config_says(self):
        moe = {**LLAMA, "model_type": "qwen3_moe", "num_hidden_layers": 4, "num_experts": 4, "num_experts_per_tok": 2,
               "moe_intermediate_size": 16}
        self.assertIn("FeedForward = bora::MixtureOfExperts<4, bora::SoftmaxTopKRouter<2>, bora::SwiGlu<16>>",
                      self.spec(moe))
        text = self.spec(moe, norm_topk_prob=True, decoder_sparse_step=2, mlp_only_layers=[3])
        self.assertIn("bora::TopKRouter<2>", text)
        self.assertIn("bora::Layers<Dense, Experts, Dense>", text)  # the fourth is as the first

    def test_gemma_has_caps_a_scale_and_four_norms(self):
        gemma = {**LLAMA, "model_type": "gemma2", "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 8}
        text = self.spec(gemma)
        for part in ("SoftCap<50.0>", "LogitCap = bora::SoftCap<30.0>", "RootOfWidth", "bora::UnitOffset",
                     "SandwichResidual", "GeGluTanh<96>", "tie_embeddings = true", "Layers<Sliding, Full>"):
            self.assertIn(part, text)
        self.assertNotIn("ScoreWidth", text)
        self.assertIn("ScoreWidth<256.0>", self.spec({**gemma, "query_pre_attn_scalar": None}))
        self.assertNotIn("SoftCap", self.spec(gemma, attn_logit_softcapping=None, final_logit_softcapping=None))
        self.assertIn("Rope<1000000.0>", self.spec(gemma, model_type="gemma3_text", num_hidden_layers=6))

    def test_falcon_has_an_old_and_a_new_layer(self):
        old = self.spec(FALCON)
        self.assertIn("MultiQueryAttention", old)
        self.assertIn("SharedNorm", old)
        self.assertIn("MultiHeadAttention", self.spec(FALCON, multi_query=False))
        self.assertNotIn("Residual", self.spec(FALCON, parallel_attn=False))
        new = self.spec(FALCON, new_decoder_architecture=True, num_kv_heads=2, bias=True, activation="relu")
        self.assertIn("{.heads = 4, .kv_heads = 2, .head_dim = 12}", new)
        self.assertIn("SeparateNorms", new)
        self.assertIn("Mlp<192, bora::Relu, bora::Bias>", new)
        self.assertIn("SharedNorm", self.spec(FALCON, new_decoder_architecture=True, num_ln_in_parallel_attn=1))
        with self.assertRaisesRegex(make_spec.Unsupported, "alibi"):
            self.spec(FALCON, alibi=True)
        hub = {"model_type": "RefinedWeb", "vocab_size": 256, "n_embed": 48, "n_layer": 2, "n_head": 4, "n_head_kv": 2}
        self.assertIn("{.heads = 4, .kv_heads = 2, .head_dim = 12}", self.spec(hub))

    def test_mpt_bias_clip_and_shared_keys(self):
        plain = self.spec(MPT)
        self.assertIn("LayerNorm<1e-05, bora::NoBias>", plain)
        self.assertIn("Mlp<192, bora::Gelu>", plain)
        odd = self.spec(MPT, no_bias=False, expansion_ratio=3,
                        attn_config={"alibi": True, "clip_qkv": 6, "attn_type": "multiquery_attention"})
        self.assertIn("bora::ClipQkv<6.0>, bora::Bias>", odd)
        self.assertIn("MultiQueryAttention", odd)
        self.assertIn("Mlp<144, bora::Gelu, bora::Bias>", odd)

    def test_neox_rotates_a_share_and_may_be_sequential(self):
        self.assertIn("Rope<10000.0, 0.25>", self.spec(NEOX))
        self.assertIn("Rope<10000.0>,", self.spec(NEOX, rotary_pct=1.0))
        self.assertIn("SeparateNorms", self.spec(NEOX))
        self.assertNotIn("Residual", self.spec(NEOX, use_parallel_residual=False))

    def test_an_unknown_family_is_refused(self):
        with self.assertRaisesRegex(make_spec.Unsupported, "bert"):
            make_spec.make_spec({"model_type": "bert"})


class Pairwise(unittest.TestCase):
    def answer(self, rows):
        """Of the check of a file with these models: its status and what it printed."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "list.cpp")
            file.write_text("\n".join(f"check<Covered<{', '.join(row)}>>(\"x\");" for row in rows))
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                return pairwise.check([file]), printed.getvalue()

    def test_a_list_is_checked(self):
        rows = pairwise.covering_list()
        self.assertEqual(self.answer(rows)[0], 0)
        status, printed = self.answer(rows[1:])
        self.assertEqual(status, 1)
        self.assertIn("no model has", printed)
        status, printed = self.answer(rows + [["Unheard"] + rows[0][1:]])
        self.assertEqual(status, 1)
        self.assertIn("unknown policy Unheard", printed)

    def test_a_list_that_is_too_long_is_refused(self):
        rows = pairwise.covering_list()
        rows += rows[:1] * (pairwise.MOST_MODELS - len(rows))
        self.assertEqual(self.answer(rows)[0], 0)
        status, printed = self.answer(rows + rows[:1])
        self.assertEqual(status, 1)
        self.assertIn("expected at most 80 models", printed)


class CheckRooms(unittest.TestCase):
    def problems(self, **files):
        """Of a library that holds `files`; double underscores in a name stand for a slash."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, "bora", name.replace("__", "/") + ".hpp")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("#pragma once\n" + text)
            return "\n".join(check_rooms.check(Path(folder)))

    def test_a_room_includes_only_what_the_table_allows(self):
        core = {"core__error": ""}
        self.assertEqual(self.problems(**core, simd__dot="#include <bora/core/error.hpp>\n"), "")
        self.assertEqual(self.problems(**core, data__pack="#include <bora/core/error.hpp>\n"), "")  # through others
        self.assertIn("may include no other room",
                      self.problems(core__error="#include <bora/simd/dot.hpp>\n", simd__dot=""))
        self.assertIn("is no room", self.problems(utils__all=""))
        self.assertIn("does not exist", self.problems(core__error="#include <bora/core/gone.hpp>\n"))

    def test_a_comment_includes_nothing(self):
        self.assertEqual(self.problems(core__error="// #include <hwy/highway.h>\n/*\n#include <hwy/base.h>\n*/\n"), "")

    def test_other_libraries_have_one_place(self):
        self.assertEqual(self.problems(simd__dot="#include <hwy/highway.h>\n"), "")
        self.assertIn("only simd/", self.problems(layers__norm="#include <hwy/highway.h>\n"))
        self.assertEqual(self.problems(io__json="#include <nlohmann/json.hpp>\n"), "")
        self.assertIn("only io/json.hpp", self.problems(io__gguf="#include <nlohmann/json.hpp>\n"))

    def test_an_umbrella_holds_includes_only(self):
        self.assertEqual(self.problems(bora="/// All.\n#include <bora/core/error.hpp>\n", core__error=""), "")
        self.assertIn("#include lines only", self.problems(bora="namespace bora {}\n"))
        self.assertIn("umbrella", self.problems(bora="", core__error="#include <bora/bora.hpp>\n"))

    def test_decoding_does_not_reach_training(self):
        files = dict(model__loss="#include <bora/train/adamw.hpp>\n", train__adamw="")
        self.assertIn("infer.hpp reaches", self.problems(infer="#include <bora/model/loss.hpp>\n", **files))

    def test_headers_are_short(self):
        self.assertIn("no header has more", self.problems(core__error="\n" * 700))


class MeasureCompile(unittest.TestCase):
    def test_budgets_have_a_default(self):
        budgets = measure_compile.read_budgets("# name MB MB\ndefault 900 4\ngenerate 500 1.5  # small\n")
        self.assertEqual(budgets["generate"], (500.0, 1.5))
        self.assertEqual(budgets["default"], (900.0, 4.0))

    def test_a_launched_command_leaves_its_cost_beside_what_it_made(self):
        with tempfile.TemporaryDirectory() as build:
            made = Path(build, "examples", "CMakeFiles", "story.dir", "story.cpp.o")
            made.parent.mkdir(parents=True)
            self.assertEqual(measure_compile.launch(["sh", "-c", f"printf x > '{made}'", "-o", str(made)]), 0)
            (seconds, memory), = measure_compile.noted_costs(Path(build))["story"]
            self.assertGreaterEqual(seconds, 0)
            self.assertGreater(memory, 0)
            self.assertEqual(measure_compile.launch(["sh", "-c", "exit 3"]), 3)


class CheckSyntax(unittest.TestCase):
    def test_a_command_writes_nothing(self):
        self.assertEqual(check_syntax.without_output("c++ -DA='b c' -o x/y.o -c y.cpp"),
                         ["c++", "-DA=b c", "-c", "y.cpp", "-fsyntax-only"])

    def test_sources_below_the_folders_are_chosen_once(self):
        entries = [{"directory": "/b", "file": f"/s/{name}", "command": str(i)}
                   for i, name in enumerate(["examples/a.cpp", "tests/b.cpp", "examples/zoo/c.cpp", "examples/a.cpp"])]
        sources = check_syntax.chosen(entries, [Path("/s/examples")])
        self.assertEqual({path.name: entry["command"] for path, entry in sources.items()}, {"a.cpp": "0", "c.cpp": "2"})


class Coverage(unittest.TestCase):
    def test_what_was_never_run_is_explained_and_nothing_else(self):
        counts = {"text/a.hpp": {1: 1, 2: 0, 3: 0, 4: 0}, "io/b.hpp": {1: 0}}
        sources = {"text/a.hpp": ["run();", "throw A();", "throw B();", "}"], "io/b.hpp": ["throw C();"]}
        def complain(text):
            return list(coverage.complaints(counts, sources, coverage.read_reasons(text), ["text"]))
        self.assertEqual(complain("# why\ntext/a.hpp: throw A: no memory\n\ntext/a.hpp: throw B: no disk\n"), [])
        self.assertEqual(complain("text/a.hpp: throw A: no memory: none"), ["text/a.hpp:3 was never run: throw B();"])
        self.assertEqual(complain("text/a.hpp: throw: both\ntext/a.hpp: run: it is"),
                         ["text/a.hpp: 'run' is explained, and is run or gone"])


class CutCase(unittest.TestCase):
    def test_matrices_of_the_prefixes_become_projections_and_the_rest_stays(self):
        def f32(shape, *values):
            return "F32", shape, struct.pack(f"<{len(values)}f", *values)
        tensors = {"grad.w": f32([2, 3], 0, 0, 1, 2, 0, 0), "grad.b": f32([2], 3, 4), "logits": f32([1, 2], 5, 6)}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "x.safetensors"
            cut_case.write(file, cut_case.reduced(tensors, ("grad.",)))
            cut = cut_case.read(file)
        self.assertEqual(cut.pop("projections.grad.w"), f32([2, 2], math.cos(2), 2, math.sin(2), 0))
        self.assertEqual(cut, {name: tensors[name] for name in ("grad.b", "logits")})


class ReadReport(unittest.TestCase):
    REPORT = """<?xml version="1.0"?><testsuite tests="5">
        <testcase name="text" status="run"><system-out>a test
/x/reference.hpp:25: warning:
  skipped: a long thing that Catch2 breaks
  into two needs X

  skipped: another needs X

All tests passed, none skipped: of 3 &lt;</system-out></testcase>
        <testcase name="core" status="run"><system-out/></testcase>
        <testcase name="contract" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
          <system-out>skipped: outputs</system-out></testcase>
        <testcase name="lost" status="notrun"><skipped message="Unable to find executable"/></testcase>
        <testcase name="io" status="fail"><failure message=""/><system-out>  skipped: z needs X
</system-out></testcase></testsuite>"""

    def test_cases_are_counted_and_what_was_skipped_is_named(self):
        self.assertEqual(read_report.read(self.REPORT), (2, 2, [
            ("text", "a long thing that Catch2 breaks into two needs X"), ("text", "another needs X"),
            ("contract", "outputs"), ("io", "z needs X")]))


if __name__ == "__main__":
    unittest.main()
