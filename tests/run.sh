#!/bin/sh
# Builds and runs the tests: sh tests/run.sh [ctest arguments, such as -L room or -R layers]
#
# Installs what a Debian 12 machine lacks. The last line is 'N passed, M failed' (', K skipped' may follow: cases that lacked
# something, inside programs of many cases as well; each is named with what it lacked); the status is not 0 if anything
# failed or nothing ran. May be set:
#   BORA_BUILD_DIR      where to build (build)
#   BORA_CMAKE_ARGS     more arguments for cmake, such as -DCMAKE_BUILD_TYPE=Debug
#   BORA_BUILD_TARGETS  what to build (all)
#   BORA_JOBS           how many at a time (the number of cores)
#   BORA_REFERENCE_DIR  further reference cases, and the contract tests (see tests/contract/CMakeLists.txt)
set -u
reference=${BORA_REFERENCE_DIR:-}  # a relative path is one from where the caller stands
if [ -n "$reference" ]; then reference=$(cd "$reference" && pwd) || exit 1; fi
cd "$(dirname "$0")/.." || exit 1
build=${BORA_BUILD_DIR:-build}
jobs=${BORA_JOBS:-$(nproc 2>/dev/null || echo 2)}

finish() {  # passed failed skipped
  skipped=
  if [ "$3" -gt 0 ]; then skipped=", $3 skipped"; fi
  echo "$1 passed, $2 failed$skipped"
  [ "$2" -eq 0 ] && [ "$1" -gt 0 ]
  exit
}

sh .cmake/install-packages.sh build tests || finish 0 1 0

# shellcheck disable=SC2086  # words on purpose
cmake -S . -B "$build" -G Ninja -DBORA_BUILD_TESTS=ON -DBORA_REFERENCE_DIR="$reference" ${BORA_CMAKE_ARGS:-} || finish 0 1 0
# What does not compile is counted as one failure, and everything else is still built and run.
build_failed=0
# shellcheck disable=SC2086
cmake --build "$build" -j "$jobs" --target ${BORA_BUILD_TARGETS:-all} -- -k 0 || build_failed=1

report=$(pwd)/$build/ctest.xml
case $build in /*) report=$build/ctest.xml ;; esac
rm -f "$report"
# Reports of passed tests are kept whole: what was skipped stands in them.
ctest --test-dir "$build" -j "$jobs" --output-on-failure --test-output-size-passed 1000000000 \
  --output-junit "$report" "$@"

if [ ! -f "$report" ]; then finish 0 1 0; fi
python3 -B tests/tools/read_report.py "$report" >"$report.read" || finish 0 1 0
sed '$d' "$report.read"
if [ "$build_failed" = 1 ]; then echo "the build failed"; fi
# shellcheck disable=SC2046
set -- $(tail -n 1 "$report.read")
finish "$1" $(($2 + build_failed)) "$3"
