#!/bin/sh
# Compares training in bora with training in PyTorch: sh benchmarks/torch/run.sh [ROUNDS] [STEPS] [THREADS]
#
# Installs Debian's PyTorch and a BLAS that is worth comparing with, builds, and runs both by turns. May be set:
#   BORA_BUILD_DIR  where to build (build)
#   PYTHON          the Python that has torch (/usr/bin/python3)
set -eu
cd "$(dirname "$0")/../.."
build=${BORA_BUILD_DIR:-build}
sh .cmake/install-packages.sh build torch
cmake -S . -B "$build" -G Ninja -DBORA_BUILD_BENCHMARKS=ON -DBORA_BUILD_TESTS=OFF >/dev/null
cmake --build "$build" --target train_llama -j "${BORA_JOBS:-$(nproc)}"
exec "${PYTHON:-/usr/bin/python3}" -B benchmarks/torch/compare.py "$build/bin/train_llama" "$@"
