#!/bin/sh
# Which lines of the library the tests run: builds the programs of the rooms with --coverage in a folder of their own,
# runs them, and prints the percentage of each room and the lines that were never run. Each of those must be explained
# in not_covered.txt beside this script.
#
#   sh tests/tools/coverage.sh [ROOM...]      # default: all rooms; installs lcov where it is missing
#
# BORA_COVERAGE_DIR is the folder to build in (default: build/coverage), BORA_JOBS how many compilers run at a time
# (default: 1). Templates that nothing instantiates have no lines: they are not seen here.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${BORA_COVERAGE_DIR:-$source/build/coverage}
rooms=$*
if [ -z "$rooms" ]; then
  rooms=$(cd "$source/tests" && for file in */*_test.cpp; do dirname "$file"; done | sort -u |
    while read -r room; do if [ "$room" = robust ] || [ "$room" = golden ] || [ -d "$source/include/bora/$room" ]; then echo "$room"; fi; done)
fi
sh "$source/.cmake/install-packages.sh" build tests coverage

# -Og: the kernels' tests take too long without, and -O1 makes branches into moves, whose lines are then counted nowhere.
# Counters are atomic, since lanes share them.
CXX=g++ CXXFLAGS="--coverage -Og -g0 -fprofile-update=atomic" nice -n 15 cmake -S "$source" -B "$build" -G Ninja \
  -DCMAKE_BUILD_TYPE=None -DBORA_BUILD_EXAMPLES=OFF -DBORA_TEST_POSITIONS=OFF -DBORA_TEST_OPTIMISATION=g >/dev/null
find "$build" -name '*.gcda' -delete
targets=
for room in $rooms; do targets="$targets bora_test_$room"; done
# shellcheck disable=SC2086  # one word a target
nice -n 15 cmake --build "$build" -j "${BORA_JOBS:-1}" --target $targets
failed=
for room in $rooms; do
  echo "running the tests of $room"
  nice -n 15 "$build/bin/tests/$room" >"$build/$room.log" 2>&1 || failed="$failed $room"
done
nice -n 15 lcov --quiet --capture --directory "$build" --include "$source/include/bora/*" \
  --output-file "$build/coverage.info"
# shellcheck disable=SC2086
python3 -B "$source/tests/tools/coverage.py" "$build/coverage.info" "$source/include/bora" \
  "$source/tests/tools/not_covered.txt" $rooms || failed="$failed coverage"
if [ -n "$failed" ]; then
  echo "tests failed:$failed (see $build/ROOM.log)" >&2
  exit 1
fi
