#!/bin/sh
# From nothing to running text: sh examples/quickstart.sh [PATH [OPTION...]]
#
# Installs what a Debian 12 machine lacks, builds what is needed and runs it: with the PATH of a checkpoint, `bora run`
# streams text from that model, and takes its options (--prompt TEXT, --temperature T, ...); a model of a new shape is
# compiled first. Without, `story` tells a story with the model that comes with the library. May be set:
#   BORA_BUILD_DIR  where to build (build), if the clone cannot be written to
set -eu
case ${1:-} in
  -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 0 ;;
  -*) echo "quickstart: the first argument is $1, expected the PATH of a checkpoint; options follow it" >&2 && exit 2 ;;
esac
folder=
if [ $# -gt 0 ]; then
  folder=$(realpath -e -- "$1")  # the checkpoint may be one file too
  shift
fi
cd "$(dirname "$0")/.."
build=${BORA_BUILD_DIR:-build}
program=story
if [ -n "$folder" ]; then program=bora; fi

if ! { mkdir -p "$build" && touch "$build/.quickstart.lock"; } 2>/dev/null; then
  echo "quickstart: cannot write to the folder $build; name another: BORA_BUILD_DIR=/tmp/bora sh examples/quickstart.sh" >&2
  exit 1
fi
# Two builds in one folder at a time would spoil each other's files: the second waits.
if command -v flock >/dev/null 2>&1; then
  exec 9>"$build/.quickstart.lock"
  if ! flock -n 9; then
    echo "quickstart: another one builds in $build; waiting for it" >&2
    flock 9
  fi
fi
sh .cmake/install-packages.sh build
cmake -S . -B "$build" -G Ninja -DBORA_BUILD_TESTS=OFF >/dev/null
cmake --build "$build" --target "bin/$program"
exec 9>&-
if [ -n "$folder" ]; then exec "$build/bin/bora" run "$folder" "$@"; fi
exec "$build/bin/story" examples/pocket "$@"
