#!/bin/sh
# check_installed.sh CMAKE BUILD PREFIX CHECKPOINT: `cmake --install` installs bora, its manual page and its completion,
# and the installed program compiles against the installed headers. The compiler only says what it was asked.
set -eu
cmake=$1 build=$2 prefix=$3 checkpoint=$4
rm -rf "$prefix"
"$cmake" --install "$build" --prefix "$prefix" >/dev/null
for file in bin/bora share/man/man1/bora.1 share/bash-completion/completions/bora include/bora/any/plugin_entry.hpp; do
  [ -s "$prefix/$file" ] || { echo "$file is not installed"; exit 1; }
done
bash -n "$prefix/share/bash-completion/completions/bora"
printf '#!/bin/sh\necho "error: asked: $*" >&2\nexit 1\n' >"$prefix/cxx"
chmod +x "$prefix/cxx"
if XDG_CACHE_HOME=$prefix/cache BORA_CXX=$prefix/cxx "$prefix/bin/bora" logits "$checkpoint" --ids 1 2>"$prefix/said"; then
  echo "a compiler that fails was not noticed"
  exit 1
fi
grep -qF -e "-I$prefix/include" "$prefix/said" || { echo "not compiled against $prefix/include:"; cat "$prefix/said"; exit 1; }
