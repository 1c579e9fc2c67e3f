#!/usr/bin/env bash
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
    # A line at the start and at each tenth of the way; what compilers say passes through; nothing when all is done.
    set -o pipefail
    ninja -C "$tree" "$@" | awk -v tree="$tree" '
      /^ninja: (no work to do|Entering directory)/ || /^-- / || /^\[[0-9]+\/[0-9]+\] Re-checking/ { next }
      /^\[[0-9]+\/[0-9]+\] / {
        if (!said++) print "build: compiling in " tree
        split(substr($1, 2), step, "[/\\]]")
        tenth = int(10 * step[1] / step[2])
        if (step[2] >= 20 && tenth > shown) { print "build: " step[1] " of " step[2]; shown = tenth }
        fflush()
        next
      }
      { print; fflush() }'
    ;;
  *)
    sed -n '2,3s/^# //p' "$0" >&2
    exit 2
    ;;
esac
