#!/usr/bin/env python3
"""Compiles the kernels, and a decoding program's syntax, for every processor that the compilers know, and runs the kernel
tests once a compiler on each kind of code that this machine, or an emulator, can run.

    matrix.py BUILD_FOLDER [--compilers g++,clang++-19] [--targets NAME,...] [--highway DIR]

Two targets are of one kind where code.txt beside this script becomes the same words. --highway compiles with the Highway of
another tree (its folder holds hwy/highway.h), on fewer targets. AArch64 is compiled by aarch64-linux-gnu-g++ and runs under
qemu-aarch64. The last line is 'N passed, M failed, K skipped'; what is skipped is named.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
# What -march=native gives on processors newer than the compiler: the newest that it knows, and every flag by itself.
AVX512 = ["f", "bw", "dq", "vl", "cd", "ifma", "vbmi", "vbmi2", "vnni", "bitalg", "vpopcntdq"]
ODD = ["-march=znver3", *(f"-mavx512{part}" for part in AVX512), "-mvaes", "-mvpclmulqdq", "-mgfni"]
X86 = {
    **{name: [f"-march={name}"] for name in (
        "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "haswell", "alderlake", "skylake-avx512", "icelake-server",
        "sapphirerapids", "znver1", "znver2", "znver3", "znver4", "znver5")},
    "x86-64-v2+aes": ["-march=x86-64-v2", "-maes", "-mpclmul"],
    "x86-64-v3+aes": ["-march=x86-64-v3", "-maes", "-mpclmul"],
    "znver3+avx512": ODD,
    "znver3+avx512+avxvnni": [*ODD, "-mavxvnni"],
    "znver3+avx512+avxvnni+bf16": [*ODD, "-mavxvnni", "-mavx512bf16"],
}
FEW = ["x86-64-v2+aes", "haswell", "icelake-server", "sapphirerapids", "znver4", "znver3+avx512+avxvnni+bf16"]
# Which kernel tests run: doubles are plain C++ on every target (simd/block.hpp), and most of the time.
FLOATS = "~[double]~*F64"
# Macros of instructions that the kernels use or compilers write by themselves, and what Linux calls them.
NEEDED = {
    "__SSE3__": "pni", "__SSSE3__": "ssse3", "__SSE4_1__": "sse4_1", "__SSE4_2__": "sse4_2", "__POPCNT__": "popcnt",
    "__AVX__": "avx", "__AVX2__": "avx2", "__FMA__": "fma", "__F16C__": "f16c", "__BMI__": "bmi1", "__BMI2__": "bmi2",
    "__LZCNT__": "abm", "__MOVBE__": "movbe", "__AVX512F__": "avx512f", "__AVX512BW__": "avx512bw",
    "__AVX512DQ__": "avx512dq", "__AVX512VL__": "avx512vl", "__AVX512CD__": "avx512cd",
    "__AVX512IFMA__": "avx512ifma", "__AVX512VBMI__": "avx512vbmi", "__AVX512VBMI2__": "avx512_vbmi2",
    "__AVXVNNI__": "avx_vnni", "__AVX512VNNI__": "avx512_vnni", "__AVX512BITALG__": "avx512_bitalg",
    "__AVX512BF16__": "avx512_bf16",
    "__AVX512VPOPCNTDQ__": "avx512_vpopcntdq", "__AVX512FP16__": "avx512_fp16",
    "__GFNI__": "gfni", "__VAES__": "vaes", "__VPCLMULQDQ__": "vpclmulqdq", "__XOP__": "xop", "__FMA4__": "fma4",
}


def run(words, **options):
    return subprocess.run([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **options)


def processor_flags():
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"^flags\s*:(.*)$", text, re.M)
    return set(found[1].split()) if found else set()


class Target:
    """A compiler with its flags, and what it makes of them."""

    def __init__(self, build, compiler, name, flags, includes, emulator=(), link=()):
        self.compiler, self.includes, self.emulator, self.link = compiler, includes, emulator, link
        self.title = f"{compiler} {name}"
        self.command = [compiler, "-std=c++20", *WARNINGS, *flags, *includes, f"-I{ROOT}/include", f"-I{ROOT}/tests"]
        self.folder = build / re.sub(r"\W+", "_", self.title)
        self.folder.mkdir(parents=True, exist_ok=True)

    def complaint(self, *words):
        """What the compiler says if it fails."""
        answer = run([*self.command, *words])
        return answer.stdout if answer.returncode else None

    def object(self, source, *options):
        """The object, or what the compiler said."""
        made = self.folder / (source.stem + ".o")
        return made, self.complaint("-O1", *options, "-c", source, "-o", made)

    def known(self):
        return self.complaint("-E", "-x", "c++", "/dev/null") is None

    def macros(self):
        return set(re.findall(r"^#define (\w+)", run([*self.command, "-dM", "-E", "-x", "c++", "/dev/null"]).stdout, re.M))

    def kind(self):
        """What decides the code of the kernels, or nothing where the library cannot be included."""
        answer = run([*self.command, "-E", "-P", "-x", "c++", ROOT / "tests/targets/code.txt"])
        return " ".join(answer.stdout.splitlines()[-1].split()) if answer.returncode == 0 else None

    def compiles(self, *options):
        _, complaint = self.object(ROOT / "tests/support/kernels.cpp", *options)
        return complaint or self.complaint("-fsyntax-only", ROOT / "tests/targets/decode.cpp")

    def says_what_to_define(self):
        """Where Highway comes first, the processors that its old versions stop at must get a sentence of ours."""
        complaint = self.complaint("-include", "hwy/highway.h", "-E", ROOT / "tests/support/kernels.cpp", "-o", os.devnull)
        return None if "bora: Highway was included before bora" in (complaint or "") else complaint

    def kernel_tests(self, main_object):
        """What went wrong with the kernel tests, or nothing. One source includes them all, since parsing is half of their
        cost, and calls the kernels of kernels.o."""
        source = self.folder / "kernel_tests.cpp"
        tests = sorted((ROOT / "tests/simd").glob("*_test.cpp"))
        source.write_text("".join(f'#include "{file}"\n' for file in ["support/kernels.hpp", *tests]))
        made, complaint = self.object(source)
        if complaint:
            return complaint
        program = self.folder / "kernel_tests"
        linked = run([self.compiler, main_object, made, self.folder / "kernels.o", "-o", program, *self.link])
        if linked.returncode:
            return linked.stdout
        ran = run([*self.emulator, program, FLOATS], timeout=1500)
        return None if ran.returncode == 0 and "All tests passed" in ran.stdout else ran.stdout


class Matrix:
    def __init__(self, build, highway):
        self.build = build
        self.includes = ["-isystem", highway] if highway else []
        self.passed, self.failed, self.skipped = 0, [], []
        self.flags = processor_flags()

    def note(self, title, complaint, what):
        if complaint is None:
            self.passed += 1
            print(f"passed   {title}: {what}", flush=True)
        else:
            self.failed.append(title)
            print(f"FAILED   {title}: {what}\n{complaint[:4000]}", flush=True)

    def skip(self, what):
        self.skipped.append(what)
        print(f"skipped: {what}", flush=True)

    def x86(self, compiler, names):
        if not shutil.which(compiler):
            self.skip(f"{compiler}: is not installed")
            return []
        targets = []
        for name in names:
            target = Target(self.build, compiler, name, X86[name], self.includes)
            if target.known():
                target.emulator = self.emulator(target)
                targets.append(target)
            else:
                self.skip(f"{target.title}: the compiler does not know it")
        return targets

    def aarch64(self):
        compiler, emulator = "aarch64-linux-gnu-g++", shutil.which("qemu-aarch64")
        if not shutil.which(compiler) or not emulator:
            self.skip(f"AArch64: needs {compiler} and qemu-aarch64")
            return []
        # The system's headers of libraries, without those of its C library.
        lent = self.build / "lent"
        lent.mkdir(exist_ok=True)
        for library in ("hwy", "catch2", "nlohmann"):
            link = lent / library
            if not link.is_symlink():
                link.symlink_to(Path("/usr/include") / library)
        includes = [*self.includes, "-isystem", lent]
        return [Target(self.build, compiler, "armv8-a", ["-march=armv8-a"], includes, [emulator], ["-static"])]

    def emulator(self, target):
        """The words before a program of the target's, or None where it cannot run here."""
        missing = {NEEDED[m] for m in target.macros() & NEEDED.keys()} - self.flags
        emulated = {"avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "abm", "movbe"}
        if not missing:
            return []
        if missing <= emulated and shutil.which("qemu-x86_64"):
            return ["qemu-x86_64", "-cpu", "max"]
        return None

    def main_object(self, like):
        """Catch2's main(), for the least of a compiler's processors. Debian 12 has Catch2 2; 3 brings its own."""
        made, complaint = Target(self.build, like.compiler, "main", [], like.includes).object(
            ROOT / "tests/support/main.cpp", "-w", "-O0")
        if complaint:
            sys.exit(complaint)
        return made

    def check(self, targets):
        """Every target, and for each compiler and kind of code one that this machine can run with the kernel tests."""
        with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            kinds = dict(zip(targets, pool.map(Target.kind, targets)))
            chosen = {}
            for target in sorted(targets, key=lambda t: t.emulator is None):
                chosen.setdefault((target.compiler, kinds[target]), target)
            chosen = set(chosen.values())
            mains = {t.compiler: pool.submit(self.main_object, t) for t in {t.compiler: t for t in targets}.values()}
            ordered = sorted(targets, key=lambda t: t not in chosen)  # what takes longest is not left for the end
            jobs = [pool.submit(self.one, t, t in chosen, mains[t.compiler]) for t in ordered]
            for target, job in zip(ordered, jobs):
                for what, complaint in job.result().items():
                    self.note(target.title, complaint, f"{kinds[target]}: {what}")
                if target in chosen and target.emulator is None:
                    self.skip(f"{target.title}: kernel tests of {kinds[target]}: this machine lacks instructions")

    @staticmethod
    def one(target, chosen, main):
        """{what was checked: what went wrong, or nothing}"""
        answers = {"compiles": target.compiles(*([] if chosen else ["-O0"]))}  # instructions are checked without -O1 too
        if chosen and answers["compiles"] is None:
            answers["Highway included first"] = target.says_what_to_define()
            if target.emulator is not None:
                under = f" under {target.emulator[0]}" if target.emulator else ""
                answers[f"kernel tests{under}"] = target.kernel_tests(main.result())
        return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--compilers", default="g++,clang++-19")
    parser.add_argument("--targets", help="names, or all; aarch64 is one")
    parser.add_argument("--highway", type=Path)
    arguments = parser.parse_args()
    if arguments.highway and not (arguments.highway / "hwy/highway.h").exists():
        sys.exit(f"{arguments.highway}: holds no hwy/highway.h")
    build = arguments.build.resolve()
    build.mkdir(parents=True, exist_ok=True)
    names = arguments.targets.split(",") if arguments.targets else [*(FEW if arguments.highway else X86), "aarch64"]
    unknown = set(names) - X86.keys() - {"aarch64"}
    if unknown:
        sys.exit(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(X86)}, aarch64")

    matrix = Matrix(build, arguments.highway)
    targets = matrix.aarch64() if "aarch64" in names else []
    for compiler in arguments.compilers.split(","):
        targets += matrix.x86(compiler, [name for name in names if name != "aarch64"])
    matrix.check(targets)
    for title in matrix.failed:
        print(f"failed: {title}")
    print(f"{matrix.passed} passed, {len(matrix.failed)} failed, {len(matrix.skipped)} skipped")
    sys.exit(bool(matrix.failed) or matrix.passed == 0)


if __name__ == "__main__":
    main()
