#!/bin/sh
# tools/test.sh: every test, after `make build`. A suite that fails is shown in full; the others still run; the closing
# lines name them all. Exit status 0 only when all are green.
set -eu
cd "$(dirname "$0")/.."
logs=build/test-logs
mkdir -p $logs
: > $logs/summary
failures=0
jobs=$(nproc)

# suite NAME PATTERN COMMAND...: runs COMMAND into a log; PATTERN picks its summary line.
suite() {
  name=$1
  pattern=$2
  shift 2
  began=$(date +%s)
  if "$@" > "$logs/$name.log" 2>&1; then
    verdict=ok
  else
    verdict=FAILED
    failures=$((failures + 1))
    cat "$logs/$name.log"
  fi
  line=$(grep -E "$pattern" "$logs/$name.log" | tail -n 1 || true)
  line=$(printf '%-7s %-11s %s (%d s)' "$verdict" "$name" "$line" $(($(date +%s) - began)))
  echo "$line" >> $logs/summary
  echo "$line"
}

# The sanitizers' trees hold the unit tests only: no Python, no programs.
sanitized() {
  # Chained, because `set -e` is off in a function whose status is asked for.
  tools/build.sh configure "$1" -DCAMSHAFT_PYTHON=OFF && tools/build.sh compile "$1" unit_tests && ctest_of "$1"
}

ctest_of() {
  # Without this, the thread sanitizer cannot place its shadow memory on kernels that randomise addresses widely.
  fixed=""
  if [ "$1" = tsan ] && setarch "$(uname -m)" -R true 2> /dev/null; then fixed="setarch $(uname -m) -R"; fi
  # The scheduler against its model: a million random events, and as many as a sanitizer has time for.
  if [ "$1" = dev ]; then events=${CAMSHAFT_EVENTS:-1000000}; else events=${CAMSHAFT_EVENTS:-25000}; fi
  CAMSHAFT_EVENTS=$events \
    ASAN_OPTIONS=detect_stack_use_after_return=1 \
    UBSAN_OPTIONS=print_stacktrace=1 \
    TSAN_OPTIONS="suppressions=$PWD/tools/tsan.supp" \
    $fixed ctest --preset "$1" -j "$jobs" --no-tests=error
}

ctest_line='tests passed|tests failed'
suite layers '.' .venv/bin/python tools/check_layers.py
suite ctest "$ctest_line" ctest_of dev
suite ctest-asan "$ctest_line" sanitized asan
suite ctest-tsan "$ctest_line" sanitized tsan
suite pytest '(passed|failed|error)' .venv/bin/python -m pytest -n "$jobs" -q

echo
echo "make test:"
cat $logs/summary
echo "suites: $(($(wc -l < $logs/summary) - failures)) passed, $failures failed"
if [ $failures -gt 0 ]; then
  echo "$failures suites failed; their logs are in $logs" >&2
  exit 1
fi
