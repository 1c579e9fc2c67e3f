#!/bin/sh
# tools/build.sh configure PRESET [CMAKE OPTIONS]   configure build/PRESET
# tools/build.sh compile PRESET [TARGET...]         compile there; silent when everything is up to date
set -eu
cd "$(dirname "$0")/.."
action=$1
preset=$2
shift 2
tree=build/$preset

case $action in
  configure)
    mkdir -p "$tree"
    [ -f "$tree/build.ninja" ] || echo "build: configuring $tree"
    if ! cmake --preset "$preset" "$@" > "$tree/configure.log" 2>&1; then
      cat "$tree/configure.log" >&2
      exit 1
    fi
    ;;
  compile)
    if ninja -C "$tree" -n "$@" | grep -q '^ninja: no work to do'; then
      exit 0
    fi
    echo "build: compiling in $tree"
    quiet=--quiet
    if [ -t 1 ]; then quiet=""; fi # a terminal gets ninja's one-line progress
    ninja -C "$tree" $quiet "$@"
    ;;
  *)
    sed -n '2,3s/^# //p' "$0" >&2
    exit 2
    ;;
esac
