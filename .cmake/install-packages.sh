#!/bin/sh
# Installs what a Debian 12 machine lacks, and nothing when it lacks nothing.
#
#   sh .cmake/install-packages.sh build          to compile programs
#   sh .cmake/install-packages.sh build tests    and the tests
#   sh .cmake/install-packages.sh build tests ci and what only .ci/run uses
#   sh .cmake/install-packages.sh build benchmarks  and the benchmarks
#   sh .cmake/install-packages.sh build torch       and PyTorch, to compare with
#   sh .cmake/install-packages.sh build tests coverage  and what tests/tools/coverage.sh uses
set -eu

# A line is: group, package, and the command that makes the package unnecessary (- if only the package will do).
packages() {
  cat <<'LIST'
build g++ g++
build cmake cmake
build ninja-build ninja
build libhwy-dev -
build nlohmann-json3-dev -
build libcli11-dev -
build libedit-dev -
build libpcre2-dev -
tests catch2 -
tests libxsimd-dev -
tests python3 python3
tests python3-numpy -
tests pkgconf pkg-config
ci ccache ccache
ci clang-19 clang++-19
ci clang-format-19 clang-format-19
ci libclang-rt-19-dev -
ci git git
ci doxygen doxygen
ci g++-aarch64-linux-gnu aarch64-linux-gnu-g++
ci qemu-user qemu-aarch64
benchmarks libbenchmark-dev -
benchmarks libxsimd-dev -
benchmarks python3 python3
coverage lcov lcov
torch python3-torch -
torch libopenblas0-openmp -
LIST
}

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=
for group in "$@"; do
  for package in $(packages | awk -v g="$group" '$1 == g { print $2 }'); do
    command=$(packages | awk -v p="$package" '$2 == p { print $3; exit }')
    if [ "$command" != - ] && command -v "$command" >/dev/null 2>&1; then continue; fi
    if installed "$package"; then continue; fi
    missing="$missing $package"
  done
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "No apt-get here; going on without installing. On Debian the packages are:$missing" >&2
  exit 0
fi
as_root=
if [ "$(id -u)" != 0 ]; then
  as_root=sudo
  # Without a terminal sudo cannot ask for a password.
  if ! command -v sudo >/dev/null 2>&1 || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }; then
    echo "install-packages: packages are missing and there is no usable sudo; as root, run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
    exit 1
  fi
fi
echo "Installing:$missing"
# Another apt-get at work is waited for.
apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@" </dev/null
}
apt update || true
# shellcheck disable=SC2086  # one word a package
if ! apt install -y --no-install-recommends $missing; then
  echo "install-packages: apt-get could not install:$missing; as root, run:" >&2
  echo "  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
  exit 1
fi
