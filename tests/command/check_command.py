#!/usr/bin/env python3
"""Runs the program `bora` as a person and a script would.

    check_command.py BORA GOLDEN POCKET WORK [--compiler CXX]

GOLDEN is tests/golden, POCKET the shipped model, WORK a folder for the cache of compiled models. A line for each thing
that is expected, and 'N passed, M failed' at the end.
"""
import argparse
import array
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

passed, failed = 0, 0


def check(what, holds, found=""):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    print(("right  " if holds else "WRONG  ") + what + ("" if holds else f": {found}"), flush=True)


def tensors(path):
    """The tensors of a safetensors file of F32 and I32: name -> (shape, elements)."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    found = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] not in ("F32", "I32"):
            continue
        begin, end = entry["data_offsets"]
        values = array.array("f" if entry["dtype"] == "F32" else "i")
        values.frombytes(data[8 + size + begin:8 + size + end])
        found[name] = (entry["shape"], values)
    return found


def rotl_sum(data):
    """core/checksum.hpp's sum of bytes."""
    mask, total = (1 << 64) - 1, 0xcbf29ce484222325
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at:at + 8], "little")
        total = ((total ^ word) * 0x9e3779b97f4a7c15) & mask
        total ^= total >> 32
    return total


class Machine:
    """The program, with a cache and a compiler that notes when it is called."""

    def __init__(self, bora, work, compiler):
        self.bora, self.cache, self.calls = str(bora), work / "cache", work / "calls"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        self.compiler = work / "noted-cxx"
        self.compiler.write_text(f'#!/bin/sh\necho x >>"{self.calls}"\nexec {compiler} "$@"\n')
        self.compiler.chmod(0o755)
        self.broken = work / "broken-cxx"
        self.broken.write_text('#!/bin/sh\necho "model.cpp:1: error: this compiler is broken" >&2\nexit 1\n')
        self.broken.chmod(0o755)

    def environment(self, **changes):
        e = {k: v for k, v in os.environ.items() if k not in ("CXX", "BORA_CXX", "BORA_CXXFLAGS", "BORA_INCLUDE")}
        e.update(XDG_CACHE_HOME=str(self.cache), BORA_CXX=str(self.compiler))
        e.update({k: str(v) for k, v in changes.items()})
        return {k: v for k, v in e.items() if v != "None"}

    def start(self, *arguments, **changes):
        return subprocess.Popen([self.bora, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=self.environment(**changes))

    def run(self, *arguments, **changes):
        process = self.start(*arguments, **changes)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def compilations(self):
        return len(self.calls.read_text().split()) if self.calls.exists() else 0

    def plugins(self):
        return sorted((self.cache / "bora").glob("*.so"))

    def left_over(self):
        return [p.name for p in (self.cache / "bora").iterdir() if p.suffix not in (".so", ".o")]


def check_compiling(m, case, expected):
    """Killed in the middle, two at once, and then never again."""
    shape, ids = expected["input_ids"]
    row = list(ids[:shape[1]])
    text = ",".join(map(str, row))
    killed = m.start("logits", case, "--ids", text)
    while m.compilations() < 3 and killed.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    killed.kill()
    killed.communicate()
    before = m.compilations()
    both = [m.start("logits", case, "--ids", text, "--json") for _ in range(2)]
    outputs = [(*p.communicate(timeout=300), p.returncode) for p in both]
    check("two programs that compile one model at the same time both end", [o[2] for o in outputs] == [0, 0], outputs)
    check("one of them compiles, and links", m.compilations() - before == 4, m.compilations() - before)
    check("both print the same", outputs[0][0] == outputs[1][0] != "")
    check("one model is in the cache, and nothing is left over", len(m.plugins()) == 1 and m.left_over() == [],
          [*m.plugins(), *m.left_over()])
    found = json.loads(outputs[0][0])
    check("logits names the ids", found["ids"] == row, found["ids"])
    vocab = expected["logits"][0][2]
    want = expected["logits"][1][:len(row) * vocab]
    got = [x for r in found["logits"] for x in r]
    check("a row of logits an id", [len(r) for r in found["logits"]] == [vocab] * len(row))
    check("the logits are those of the case", len(got) == len(want) and max(abs(a - b) for a, b in zip(got, want)) < 5e-5)
    # As text of a float, and read back to it.
    as_floats = array.array("f", got)
    check("the numbers read back to the same float", all(struct.unpack("f", struct.pack("f", a))[0] == b
                                                         for a, b in zip(got, as_floats)))
    compiled = m.compilations()
    code, again, _ = m.run("logits", case, "--ids", text, "--json")
    check("a second start compiles nothing and prints the same", code == 0 and again == outputs[0][0] and
          m.compilations() == compiled)

    prompt, after = expected["greedy.prompt_ids"][1], expected["greedy.output_ids"][1]
    ask = ("generate", case, "--ids", ",".join(map(str, prompt)), "--max-tokens", len(after), "--temperature", 0, "--json")
    code, out, err = m.run(*ask)
    check("generate prints the ids that follow, and only those", code == 0 and json.loads(out) == {"ids": list(after)},
          out + err)
    code, out, err = m.run(*ask, PATH="", BORA_CXX=None)
    check("without a compiler the compiled model runs", code == 0 and json.loads(out) == {"ids": list(after)}, out + err)
    return ask


def check_broken(m, ask, other):
    """Plugins that are cut off, damaged, foreign; machines without a compiler."""
    plugin = m.plugins()[0]
    whole = plugin.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    for what, data in (("cut off", whole[:len(whole) // 2]), ("empty", b""), ("damaged", bytes(damaged)),
                       ("a script", b"#!/bin/sh\nexit 0\n" * 10)):
        plugin.write_bytes(data)
        code, out, err = m.run(*ask, PATH="", BORA_CXX=None)
        check(f"a plugin that is {what} is not loaded", code == 1 and "no C++ compiler" in err, (code, err))
    code, out, err = m.run("info", other, "--json")
    check("info needs no compiler and compiles nothing", code == 0 and "struct" in json.loads(out)["spec"], err)
    plugin.write_bytes(whole)
    source = m.cache / "foreign.c"
    source.write_text('const char bora_plugin[] = "something else entirely, with no descriptor of bora at all in it";\n')
    foreign = m.cache / "foreign.so"
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", foreign], check=True)
    body = foreign.read_bytes()
    plugin.write_bytes(body + whole[-32:-24] + struct.pack("<QQ", len(body), rotl_sum(body)) + whole[-8:])
    code, out, err = m.run(*ask)
    check("a library of another kind under the plugin's name is refused", code == 1 and "is no plugin of bora" in err,
          (code, err))
    plugin.write_bytes(whole)
    code, out, err = m.run("logits", other, "--ids", "1", PATH="", BORA_CXX=None)
    check("without a compiler a new shape is refused in a sentence, with the models that are there",
          code == 1 and "no C++ compiler" in err and plugin.name in err, (code, err))
    code, out, err = m.run("logits", other, "--ids", "1", BORA_CXX=m.broken)
    check("a compiler that fails is quoted", code == 1 and "error: this compiler is broken" in err, (code, err))
    check("nothing is left over", m.left_over() == ["foreign.c"] or m.left_over() == [], m.left_over())


def check_arguments(m, pocket):
    for arguments, code, words in (
            (["info"], 2, "bora info: PATH is missing"), (["nonsense"], 2, "there is no command nonsense"),
            ([], 2, "COMMAND is missing"), (["--nonsense"], 2, "there is no option --nonsense"),
            (["logits", pocket], 2, "--ids is missing"), (["logits", pocket, "--ids", "1,x"], 2, "--ids is \"x\""),
            (["logits", pocket, "--ids", "1", "--format", "F31"], 2, "expected one of F32"),
            (["info", "/nowhere"], 1, "does not exist"), (["info", "/dev/null"], 1, "/dev/null")):
        found, out, err = m.run(*arguments)
        check("bora " + " ".join(map(str, arguments)) + " is refused in a sentence",
              found == code and words in err and out == "", (found, err))
    code, out, err = m.run("--help")
    check("help lists the commands", code == 0 and "generate" in out and err == "")
    for command in ("run", "generate", "info", "logits"):
        code, out, err = m.run(command, "--help")
        check(f"bora {command} --help has an example", code == 0 and f"bora {command} " in out and "Examples:" in out)
    code, out, err = m.run("--version")
    check("the version says the kernels", code == 0 and out.startswith("bora ") and "kernels: " in out)


def check_text(m, pocket):
    code, out, err = m.run("run", pocket, "Once upon a time", "--tokens", 20)
    check("run continues a text", code == 0 and out.startswith("Once upon a time") and "tokens/s" in err, (out, err))
    code, out, err = m.run("generate", pocket, "--prompt", "Once upon a time", "--max-tokens", 20, "--json")
    check("generate --json holds text and ids", code == 0 and set(json.loads(out)) == {"text", "ids"}, out)
    whole = json.loads(out)["text"]
    stop = whole[10:14]
    code, out, err = m.run("generate", pocket, "--prompt", "Once upon a time", "--max-tokens", 20, "--json", "--stop",
                           "not there", "--stop", stop, "--log-probs", 2)
    found = json.loads(out)
    check("a stop text ends what is written, and is no part of it", code == 0 and found["text"] == whole[:whole.index(stop)],
          (whole, out))
    check("each token has its log-probability, and as many more as were asked for",
          len(found["log_probs"]) == len(found["ids"]) and all(
              one["log_prob"] == one["top"][0]["log_prob"] <= 0 and one["top"][0]["id"] == i and len(one["top"]) == 2
              for one, i in zip(found["log_probs"], found["ids"])), out)
    first = found["ids"][0]
    code, out, err = m.run("generate", pocket, "--prompt", "Once upon a time", "--max-tokens", 1, "--json",
                           "--logit-bias", f"{first}:-1000,3:0")
    check("a bias rules a token out", code == 0 and json.loads(out)["ids"] != [first], (out, err))
    process = m.start("generate", pocket, "--ids", "1,2,3", "--format", "Bf16", "--max-tokens", 100000)
    first = process.stdout.read(8)
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    check("Ctrl-C ends it with 130 and what was written stays", process.returncode == 130 and first and
          (first + rest).endswith("\n"), (process.returncode, first + rest[-20:], err))


def check_packed(m, pocket, case, ask):
    """Folders that are mapped: of a model of the program, and of one that it compiled; by way of a GGUF file too."""
    write = ("--prompt", "Once upon a time", "--max-tokens", 20, "--json")
    code, text, err = m.run("generate", pocket, *write)
    for arguments in (("convert", pocket, m.cache / "p.gguf"), ("convert", m.cache / "p.gguf", m.cache / "p"),
                      ("pack", m.cache / "p.gguf", m.cache / "packed"), ("pack", case, m.cache / "packed-case")):
        code, out, err = m.run(*arguments)
        check(f"{arguments[0]} {Path(arguments[1]).name} ends well", code == 0, (out, err))
    code, out, err = m.run("convert", case, m.cache / "rounded", "--type", "BF16", "--json")
    tensors = json.loads(out)["tensors"]
    check("a folder's report has the error of each tensor", code == 0 and len(tensors) > 10 and all(
        t["type"] == "BF16" and 0 <= t["relative_error"] < 0.004 for t in tensors) and
          max(t["relative_error"] for t in tensors) > 0.0005, out[:500])
    for folder in ("p", "packed"):
        code, out, err = m.run("generate", m.cache / folder, *write)
        check(f"{folder} writes the same text", code == 0 and out == text, (out, err))
    asked = (ask[0], m.cache / "packed-case", *ask[2:])
    before = m.compilations()
    check("a packed model of another shape writes the same ids", m.run(*asked)[:2] == m.run(*ask)[:2], m.run(*asked))
    check("and nothing is compiled for it", m.compilations() == before)
    code, out, err = m.run(*asked, "--format", "Bf16")
    check("another format of a packed folder is refused", code == 1 and "in another format" in err, (code, err))
    packed = m.cache / "packed-case" / "model.packed"
    whole = packed.read_bytes()
    for what, data in (("cut off", whole[:5000]), ("empty", b""), ("damaged", whole[:8] + b"\1" * 8 + whole[16:]),
                       ("of no matrices", whole[:32] + bytes(8) + whole[40:])):
        packed.write_bytes(data)
        code, out, err = m.run(*asked)
        check(f"a packed file that is {what} is refused by name", code == 1 and "model.packed" in err, (code, err))
    code, out, err = m.run("pack", pocket, case)
    check("a folder with another checkpoint is not packed into", code == 1 and "describes a checkpoint" in err, (code, err))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for name in ("bora", "golden", "pocket", "work"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--compiler", default="c++")
    a = parser.parse_args()
    m = Machine(a.bora, a.work, a.compiler)
    check_arguments(m, a.pocket)
    check_text(m, a.pocket)
    case = a.golden / "mistral-swa"
    ask = check_compiling(m, case, tensors(case / "expected.safetensors"))
    check_packed(m, a.pocket, case, ask)
    check_broken(m, ask, a.golden / "llama-gqa")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
