#!/bin/sh
# From nothing to running text: sh examples/quickstart.sh [FOLDER [OPTION...]]
#
# Installs what a Debian 12 machine lacks, builds what is needed and runs it: with the FOLDER of a checkpoint, `generate`
# streams text from that model, and takes its options (--prompt TEXT, --temperature T, ...); without, `story` tells a
# story with the model that comes with the library.
set -eu
folder=
if [ $# -gt 0 ]; then
  folder=$(realpath -e -- "$1")  # the checkpoint may be one file too
  shift
fi
cd "$(dirname "$0")/.."
build=${BORA_BUILD_DIR:-build}
program=story
if [ -n "$folder" ]; then program=generate; fi

sh .cmake/install-packages.sh build
cmake -S . -B "$build" -G Ninja -DBORA_BUILD_TESTS=OFF >/dev/null
cmake --build "$build" --target "$program"
exec "$build/bin/$program" "${folder:-examples/pocket}" "$@"
