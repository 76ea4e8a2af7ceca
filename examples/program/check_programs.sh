#!/bin/sh
# check_programs.sh BIN POCKET PROGRAM...: what all programs do alike. BIN holds them, POCKET the shipped model.
#
# --help and --version exit with 0 and print to standard output alone; what is unknown exits with 2, in a sentence that
# begins with the program's name; neither leaves a file. Output that cannot be written exits with 1.
set -u
bin=$1 pocket=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/empty"
cd "$work/empty" || exit 1
failed=0
wrong() { echo "WRONG  $*"; failed=1; }

# expect CODE PATTERN COMMAND...: the exit code, and a line of what goes to standard error.
expect() {
  code=$1 pattern=$2
  shift 2
  "$@" >"$work/out" 2>"$work/err" </dev/null
  found=$?
  [ "$found" = "$code" ] || wrong "exit code $found, expected $code: $*"
  [ -z "$pattern" ] || grep -q -e "$pattern" "$work/err" || wrong "no '$pattern' on standard error: $*"
}

for program; do
  expect 0 '' "$bin/$program" --help </dev/null
  grep -qi "usage: $program" "$work/out" || wrong "$program --help shows no usage"
  [ -s "$work/err" ] && wrong "$program --help writes to standard error"
  expect 2 "$program" "$bin/$program" --no-such-option
  expect 2 "$program" "$bin/$program" "$pocket" --no-such-option
  [ "$program" = first_page ] && continue  # as short as it is
  expect 0 '' "$bin/$program" --version
  grep -q '^bora [0-9]*[.][0-9]*[.][0-9]*$' "$work/out" || wrong "$program --version does not say bora's"
  grep -q 'VNNI: ' "$work/out" || wrong "$program --version does not say the kernels"
done
[ -z "$(ls -A)" ] || wrong "asking for help left $(ls -A)"

generate=$bin/generate
refuse() { expect 2 "^generate: $1 is \"$2\", expected a" "$generate" "$pocket" "$1" "$2"; }
refuse --tokens -3
refuse --tokens 3x
refuse --tokens ''
refuse --seed -1
refuse --seed 18446744073709551616
refuse --threads -1
refuse --threads 0
refuse --context 0
refuse --temperature -1
refuse --temperature nan
refuse --top-p 0
expect 2 '^generate: --tokens is given 2 times, expected once' "$generate" "$pocket" --tokens 1 --tokens 2
expect 2 '^generate: --prompt has no value' "$generate" "$pocket" --prompt
expect 2 '^generate: FOLDER is missing' "$generate"
expect 0 '^kernels .*VNNI: ' "$generate" "$pocket" --tokens 3 --prompt '--[a,b]'
grep -q '^--\[a,b\]' "$work/out" || wrong "a prompt of brackets is not written as it is"

full() {
  "$@" >/dev/full 2>"$work/err"
  found=$?
  [ "$found" = 1 ] || wrong "exit code $found, expected 1, on a full disk: $*"
  grep -q 'written' "$work/err" || wrong "no sentence on a full disk: $*"
}
if [ -c /dev/full ]; then
  full "$generate" "$pocket" --tokens 3
  full "$bin/story" "$pocket"
  full "$bin/first_page" "$pocket"
  full "$bin/batch_generation" "$pocket" Once
fi
exit "$failed"
