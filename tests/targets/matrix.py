#!/usr/bin/env python3
"""Compiles the kernels, and a decoding program's syntax, for every processor that the compilers know, and runs the kernel
tests on each kind of code that this machine, or an emulator, can run.

    matrix.py BUILD_FOLDER [--compilers g++,clang++-19] [--targets NAME,...] [--highway DIR]

Two targets are of one kind where the library's namespace has the same name: it names everything that decides which code is
written (core/abi.hpp). --highway compiles with the Highway of another tree (its folder holds hwy/highway.h), on fewer targets.
AArch64 is compiled by aarch64-linux-gnu-g++ and runs under qemu-aarch64. The last line is 'N passed, M failed, K skipped'; what
is skipped is named.
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
# Macros of instructions that compilers write by themselves, and what Linux calls them. AVX-VNNI is none of them: the kernels
# multiply no bytes, so its targets run on processors without it.
NEEDED = {
    "__SSE3__": "pni", "__SSSE3__": "ssse3", "__SSE4_1__": "sse4_1", "__SSE4_2__": "sse4_2", "__POPCNT__": "popcnt",
    "__AVX__": "avx", "__AVX2__": "avx2", "__FMA__": "fma", "__F16C__": "f16c", "__BMI__": "bmi1", "__BMI2__": "bmi2",
    "__LZCNT__": "abm", "__MOVBE__": "movbe", "__AVX512F__": "avx512f", "__AVX512BW__": "avx512bw",
    "__AVX512DQ__": "avx512dq", "__AVX512VL__": "avx512vl", "__AVX512CD__": "avx512cd",
    "__AVX512IFMA__": "avx512ifma", "__AVX512VBMI__": "avx512vbmi", "__AVX512VBMI2__": "avx512_vbmi2",
    "__AVX512VNNI__": "avx512_vnni", "__AVX512BITALG__": "avx512_bitalg", "__AVX512BF16__": "avx512_bf16",
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

    def __init__(self, build, compiler, name, flags, includes):
        self.compiler, self.name = compiler, name
        self.command = [compiler, "-std=c++20", *WARNINGS, *flags, *includes, f"-I{ROOT}/include", f"-I{ROOT}/tests"]
        self.folder = build / re.sub(r"\W+", "_", f"{compiler} {name}")
        self.title = f"{compiler} {name}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def known(self):
        return run([*self.command, "-E", "-x", "c++", "/dev/null"]).returncode == 0

    def macros(self):
        return set(re.findall(r"^#define (\w+)", run([*self.command, "-dM", "-E", "-x", "c++", "/dev/null"]).stdout, re.M))

    def kind(self):
        """The library's namespace and Highway's."""
        answer = run([*self.command, "-E", "-P", "-x", "c++", ROOT / "tests/versions/target_names.txt"])
        found = re.search(r"(\S+) made (\S+)\s*$", answer.stdout)
        return f"{found[1]}, {found[2]}" if answer.returncode == 0 and found else None

    def compile(self, source, *options):
        """The object, or what the compiler said."""
        made = self.folder / (Path(source).stem + ".o")
        answer = run([*self.command, "-O1", *options, "-c", source, "-o", made])
        return made, None if answer.returncode == 0 else answer.stdout

    def compiles(self):
        _, complaint = self.compile(ROOT / "tests/support/kernels.cpp")
        if complaint is None:
            answer = run([*self.command, "-fsyntax-only", ROOT / "tests/targets/decode.cpp"])
            complaint = answer.stdout if answer.returncode else None
        return complaint

    def says_what_to_define(self):
        """Where Highway comes first, the processors that its old versions stop at must get a sentence of ours."""
        answer = run([*self.command, "-include", "hwy/highway.h", "-fsyntax-only", ROOT / "tests/support/kernels.cpp"])
        told = "bora: Highway was included before bora" in answer.stdout
        return None if told or answer.returncode == 0 else answer.stdout

    def kernel_tests(self, emulator, main_object, link):
        """What went wrong with the kernel tests, or nothing."""
        objects = [main_object]
        for source in sorted((ROOT / "tests/simd").glob("*_test.cpp")):
            made, complaint = self.compile(source)
            if complaint:
                return complaint
            objects.append(made)
        program = self.folder / "simd"
        linked = run([self.compiler, *objects, "-o", program, *link])
        if linked.returncode:
            return linked.stdout
        ran = run([*emulator, program], timeout=1500)
        return None if ran.returncode == 0 and "All tests passed" in ran.stdout else ran.stdout


class Matrix:
    def __init__(self, build, highway):
        self.build = build
        self.includes = ["-isystem", highway] if highway else []
        self.passed, self.failed, self.skipped = 0, [], []
        self.tested = set()  # kinds whose kernel tests ran
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

    def main_object(self, compiler, extra=()):
        """Catch2's main(), for the least of a compiler's processors. Debian 12 has Catch2 2; 3 brings its own."""
        target = Target(self.build, compiler, "main", extra, [])
        made, complaint = target.compile(ROOT / "tests/support/main.cpp", "-w", "-O0")
        if complaint:
            sys.exit(complaint)
        return made

    def how_to_run(self, target):
        """The words before the program, or nothing where it cannot run here."""
        missing = {NEEDED[m] for m in target.macros() & NEEDED.keys()} - self.flags
        emulated = {"avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "abm", "movbe"}
        if not missing:
            return []
        if missing <= emulated and shutil.which("qemu-x86_64"):
            return ["qemu-x86_64", "-cpu", "max"]
        return None

    def x86(self, compilers, names):
        targets = []
        for compiler in compilers:
            if not shutil.which(compiler):
                self.skip(f"{compiler}: is not installed")
                continue
            main_object = self.main_object(compiler)
            for name in names:
                target = Target(self.build, compiler, name, X86[name], self.includes)
                if target.known():
                    targets.append((target, main_object))
                else:
                    self.skip(f"{target.title}: the compiler does not know it")
        self.all(self.one, targets)

    def one(self, pair):
        target, main_object = pair
        kind = target.kind()
        if kind is None:
            return [(target.title, target.compiles() or "has no name", "compiles")]
        answers = [(target.title, target.compiles(), f"{kind}, compiles")]
        if answers[0][1] is None and (target.compiler, kind) not in self.tested:
            answers.append((target.title, target.says_what_to_define(), "Highway included first"))
            self.tested.add((target.compiler, kind))
            emulator = self.how_to_run(target)
            if emulator is None:
                answers.append((None, None, f"{target.title}: kernel tests of {kind}: this machine lacks instructions"))
            else:
                how = f"kernel tests{' under ' + emulator[0] if emulator else ''}"
                answers.append((target.title, target.kernel_tests(emulator, main_object, []), how))
        return answers

    def all(self, work, items):
        with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            for answers in pool.map(work, items):
                for title, complaint, what in answers:
                    if title is None:
                        self.skip(what)
                    else:
                        self.note(title, complaint, what)

    def aarch64(self):
        compiler, emulator = "aarch64-linux-gnu-g++", shutil.which("qemu-aarch64")
        if not shutil.which(compiler) or not emulator:
            self.skip(f"AArch64: needs {compiler} and qemu-aarch64")
            return
        # The system's headers of libraries, without those of its C library.
        lent = self.build / "lent"
        lent.mkdir(exist_ok=True)
        for library in ("hwy", "catch2", "nlohmann"):
            link = lent / library
            if not link.is_symlink():
                link.symlink_to(Path("/usr/include") / library)
        includes = [*self.includes, "-isystem", lent]
        target = Target(self.build, compiler, "armv8-a", ["-march=armv8-a"], includes)
        self.note(target.title, target.compiles(), f"{target.kind()}, compiles")
        main_object = self.main_object(compiler, ["-isystem", lent])
        self.note(target.title, target.kernel_tests([emulator], main_object, ["-static"]), "kernel tests under qemu-aarch64")


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
    matrix.x86(arguments.compilers.split(","), [name for name in names if name != "aarch64"])
    if "aarch64" in names:
        matrix.aarch64()
    for title in matrix.failed:
        print(f"failed: {title}")
    print(f"{matrix.passed} passed, {len(matrix.failed)} failed, {len(matrix.skipped)} skipped")
    sys.exit(bool(matrix.failed) or matrix.passed == 0)


if __name__ == "__main__":
    main()
