#!/bin/sh
# tools/lint.sh            clang-format, clang-tidy, ruff, mypy, layers; says nothing of what is clean
# tools/lint.sh --quick    the same without clang-tidy
# tools/lint.sh --format   rewrites files instead of complaining
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
python_dirs="python tests tools bench examples"
failed=""

cpp_files() { find src tests tools bench examples \( -name '*.cpp' -o -name '*.hpp' \) -not -path '*/compile_fail/*' | sort; }

if [ "${1:-}" = --format ]; then
  unformatted=$(cpp_files | xargs clang-format-14 --dry-run 2>&1 | sed -n 's/^\([^:]*\):.*clang-format.*/\1/p' | sort -u)
  if [ -n "$unformatted" ]; then
    echo "$unformatted" | sed 's/^/format: /'
    echo "$unformatted" | xargs clang-format-14 -i
  fi
  $bin/ruff check --quiet --fix --select I $python_dirs
  $bin/ruff format $python_dirs | grep -v 'unchanged' || true
  exit 0
fi

# check NAME COMMAND...: remembers a failure and goes on.
check() {
  name=$1
  shift
  "$@" || failed="$failed $name"
}

format_check() { cpp_files | xargs clang-format-14 --dry-run -Werror; }
tidy() {
  tools/build.sh configure tidy -DCAMSHAFT_PYTHON=OFF
  # Not the tests: what they do to macros and globals is GoogleTest's style, not ours.
  find src \( -name '*.cpp' -not -name '*_test.cpp' -not -name '*_bench.cpp' -not -path 'src/bindings/*' \) | sort |
    xargs -P "$(nproc)" -n 4 clang-tidy-14 -p build/tidy --quiet --warnings-as-errors='*' 2> build/tidy/tidy.log
}

check clang-format format_check
check ruff $bin/ruff check --quiet $python_dirs
check ruff-format $bin/ruff format --quiet --check $python_dirs
check mypy $bin/mypy --no-error-summary
check layers $bin/python tools/check_layers.py
if [ "${1:-}" != --quick ]; then check clang-tidy tidy; fi

if [ -n "$failed" ]; then
  echo "lint: not clean:$failed (make format mends what formatting can)" >&2
  exit 1
fi
