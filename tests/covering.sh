#!/bin/sh
# The tests that take long and change little: sh tests/covering.sh [ctest arguments]
#
# Whole models of which every two policies meet in at least one (tests/model/covering_*), and with BORA_REFERENCE_DIR the
# contract programs for every case, not one of each family. The last line is that of run.sh.
set -u
export BORA_BUILD_DIR="${BORA_BUILD_DIR:-build/covering}"
export BORA_CMAKE_ARGS="-DBORA_BUILD_EXAMPLES=OFF -DBORA_TEST_COVERING=ON -DBORA_CONTRACT_CASES=all"
export BORA_BUILD_TARGETS="bora_test_model bora_contract"
if [ $# = 0 ]; then set -- -R '^model$|^contract'; fi
exec sh "$(dirname "$0")/run.sh" "$@"
