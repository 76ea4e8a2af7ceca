#!/bin/sh
# check.sh BUILD NM [TARGET PROGRAM]...: what examples/portable prints with each of its targets, beside programs that are
# compiled for one, and what its package holds.
set -u
build=$1 nm=$2 program=$1/portable kernels=$1/libportable_bora_dispatch.a
shift 2
fail() {
  echo "not so: $1"
  exit 1
}

best=$("$program") || fail "the program runs"
echo "$best"
while [ $# -gt 0 ]; do
  if chosen=$(BORA_TARGET=$1 "$program"); then
    echo "$chosen"
    echo "$chosen" | grep -q "^$1 (highway, chosen)" || fail "BORA_TARGET=$1 is heard"
    compiled=$("$2") || fail "the program compiled for $1 runs"
    [ "$(echo "$chosen" | tail -n 1)" = "$(echo "$compiled" | tail -n 1)" ] || fail "$1, chosen or compiled for: the same bits: $compiled"
  else
    echo "skipped: this processor does not run $1"
  fi
  shift 2
done

said=$(BORA_TARGET=avx9 "$program" 2>&1) && fail "a target that is not there is refused"
echo "$said"
case $said in *"BORA_TARGET is 'avx9', expected one of "*sse4*": there is no such target"*) ;; *) fail "the sentence says what there is" ;; esac

# What a target compiles must not be taken by the linker for the whole program: all that it shares has its own name.
shared=$("$nm" -AC --defined-only "$kernels" | grep -v ':dispatch.cpp' | grep -E ':[0-9a-f]+ [VWu] ' |
  grep -vE 'bora::v[0-9_]+|DW.ref.__gxx_personality')
[ -z "$shared" ] || fail "kernels share nothing with other targets: $shared"

if command -v dpkg-shlibdeps >/dev/null; then
  (cd "$build" && rm -f ./*.deb && cpack -G DEB >cpack.log 2>&1) || fail "it is packed: $(cat "$build/cpack.log")"
  dpkg-deb --contents "$build"/portable_1.0.0_*.deb | grep -q '\./usr/bin/portable$' || fail "the package holds the program"
  [ -z "$(dpkg-deb --contents "$build"/portable_1.0.0_*.deb | grep include)" ] || fail "the package holds the program only"
fi
