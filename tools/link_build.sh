#!/bin/sh
# tools/link_build.sh BUILD_DIR: lets .venv use a build tree in place: `import camshaft` finds python/, and the commands
# ipcontroller, ipengine, ipcluster and iplogger are ours. The original's stay: python -m ipyparallel.{controller,engine,
# cluster}.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
bin=$root/$1/bin
mkdir -p "$bin"

# Writes standard input to the file $1, unless it holds just that.
update() {
  text=$(cat)
  if [ "$(cat "$1" 2> /dev/null)" != "$text" ]; then
    rm -f "$1"
    printf '%s\n' "$text" > "$1"
  fi
}

site=$(echo "$root"/.venv/lib/python3.*/site-packages)
echo "$root/python" | update "$site/camshaft-in-place.pth"
update "$bin/ipengine" << END
#!$root/.venv/bin/python
import sys

from camshaft.engine.app import main

sys.exit(main())
END
chmod +x "$bin/ipengine"
for command in ipcontroller ipengine ipcluster iplogger; do
  link=$root/.venv/bin/$command
  if [ -e "$bin/$command" ] && [ "$(readlink "$link")" != "$bin/$command" ]; then
    ln -sf "$bin/$command" "$link"
  fi
done
# What Jupyter finds by its place in the environment; pip puts copies there (cmake/jupyter.cmake).
ours=$root/python/camshaft/nbextension
for file in $(cd "$ours/config" && find . -name '*.json'); do
  mkdir -p "$root/.venv/etc/jupyter/$(dirname "$file")"
  ln -sfn "$ours/config/$file" "$root/.venv/etc/jupyter/$file"
done
mkdir -p "$root/.venv/share/jupyter/nbextensions/camshaft" "$root/.venv/share/jupyter/labextensions"
update "$root/.venv/share/jupyter/nbextensions/camshaft/tree.js" < "$ours/static/tree.js" # servers follow no links here
ln -sfn "$ours/labextension" "$root/.venv/share/jupyter/labextensions/camshaft"
