#!/bin/sh
# Builds and runs the benchmarks, prints one table and writes BUILD/benchmarks.json: sh benchmarks/run.sh [FILTER]
#
# FILTER is a regular expression over names such as BM_matmul/backend:highway/format:bf16/rows:8 (all). May be set:
#   BORA_BUILD_DIR    where to build (build)
#   BORA_JOBS         how many at a time (the number of cores)
#   BORA_REPETITIONS  how often each is measured; the table has the medians (3)
set -eu
cd "$(dirname "$0")/.."
build=${BORA_BUILD_DIR:-build}
sh .cmake/install-packages.sh build benchmarks
cmake -S . -B "$build" -G Ninja -DBORA_BUILD_BENCHMARKS=ON -DBORA_BUILD_TESTS=OFF >/dev/null
cmake --build "$build" --target benchmarks -j "${BORA_JOBS:-$(nproc)}"
"$build/bin/benchmarks" --benchmark_filter="${1:-.}" --benchmark_min_time=0.1 \
  --benchmark_repetitions="${BORA_REPETITIONS:-3}" --benchmark_enable_random_interleaving=true \
  --benchmark_report_aggregates_only=true --benchmark_out="$build/benchmarks.json.part" --benchmark_out_format=json >&2
mv "$build/benchmarks.json.part" "$build/benchmarks.json"
python3 -B benchmarks/table.py "$build/benchmarks.json"
