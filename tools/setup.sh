#!/bin/sh
# tools/setup.sh: what the build needs, on Debian 12: system packages, then .venv with the pinned Python packages.
# A second run finds everything in place and says nothing. Needs root or sudo only when a system package is missing.
set -eu
cd "$(dirname "$0")/.."

PACKAGES="g++ cmake ninja-build ccache pkg-config
  libzmq3-dev libjemalloc-dev libssl-dev libsimdjson-dev nlohmann-json3-dev libfmt-dev libspdlog-dev libsqlite3-dev
  libmongoc-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14
  python3-dev python3-venv libpython3.11-testsuite"

say() { echo "setup: $*"; }
fail() {
  echo "setup: $*" >&2
  exit 1
}

# --- system packages -------------------------------------------------------------------------------------------
command -v dpkg-query > /dev/null || fail "this is not a Debian system; install the equivalents of:" $PACKAGES
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $PACKAGES 2> /dev/null | sed -n 's/^installed //p')
missing=""
for package in $PACKAGES; do
  echo "$installed" | grep -qxF -- "$package" || missing="$missing $package"
done
if [ -n "$missing" ]; then
  as_root=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null || fail "missing packages; as root, run: apt-get install$missing"
    as_root="sudo"
  fi
  say "installing$missing"
  $as_root apt-get update -qq || fail "apt-get update failed: check the network and /etc/apt/sources.list"
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null ||
    fail "apt-get install failed:$missing"
fi

# --- .venv ------------------------------------------------------------------------------------------------------
# The hash covers the interpreter too: a new minor version of python3 asks for a new environment.
wanted=$( (/usr/bin/python3 -V && cat tools/requirements.txt) | sha256sum | cut -d' ' -f1)
stamp=.venv/requirements.sha256
if [ "$(cat $stamp 2> /dev/null)" != "$wanted" ]; then
  if ! .venv/bin/python -c '' 2> /dev/null; then
    say "creating .venv"
    /usr/bin/python3 -m venv --clear .venv
  fi
  # pip would write the original's commands through our links, into the build tree (see tools/link_build.sh).
  find .venv/bin -name 'ip*' -type l -delete
  say "installing Python packages into .venv"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r tools/requirements.txt ||
    fail "pip failed: check the network, then run this again"
  echo "$wanted" > $stamp
fi
