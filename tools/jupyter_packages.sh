#!/bin/sh
# tools/jupyter_packages.sh: what tests/frontends looks at clusters with: Chromium (Debian), and Jupyter's front ends in .venv.
# A second run finds everything in place and says nothing.
set -eu
cd "$(dirname "$0")/.."

NOTEBOOK_6=notebook==6.5.7

fail() {
  echo "jupyter: $*" >&2
  exit 1
}

if ! command -v chromium > /dev/null; then
  [ "$(id -u)" = 0 ] || fail "these tests need a browser; as root, run: apt-get install chromium fonts-dejavu-core"
  echo "jupyter: installing chromium"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core > /dev/null ||
    fail "apt-get install chromium failed"
fi
if ! .venv/bin/python -m pip freeze | grep -qx "$(sed -n 's/^notebook==/&/p' tools/jupyter_requirements.txt)"; then
  echo "jupyter: installing the front ends into .venv"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r tools/jupyter_requirements.txt ||
    fail "pip failed: check the network, then run this again"
fi
# The last notebook with a server of its own does not live beside the present one.
if [ "$(cat build/notebook6-venv/version 2> /dev/null)" != "$NOTEBOOK_6" ]; then
  echo "jupyter: installing $NOTEBOOK_6 into build/notebook6-venv"
  /usr/bin/python3 -m venv --clear build/notebook6-venv
  build/notebook6-venv/bin/python -m pip install --quiet --disable-pip-version-check "$NOTEBOOK_6" 'setuptools<80' ||
    fail "pip failed: check the network, then run this again"
  echo "$NOTEBOOK_6" > build/notebook6-venv/version
fi
