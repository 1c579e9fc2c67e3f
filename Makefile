# The front door. Every target can be run again at no cost: what is up to date is left alone and not mentioned.
# One tree, build/dev, serves users, tests, demos and benchmarks; build/asan and build/tsan hold the unit tests only.
.DEFAULT_GOAL := help
.PHONY: help setup build programs demo test test-mongo test-launchers test-official test-jupyter chaos bench format lint clean
.DELETE_ON_ERROR:

BUILD := build/dev
PYTHON := .venv/bin/python

help: ## say what each target does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do printf '%-18s  %s\n' "$$target" "$$text"; done

setup: ## install Debian packages (root or sudo) and the Python packages in .venv
	@tools/setup.sh

$(BUILD)/build.ninja: CMakeLists.txt CMakePresets.json cmake/layer.cmake cmake/toolchain.cmake | setup
	@tools/build.sh configure dev -DCAMSHAFT_PYTHON=ON -DPython_EXECUTABLE=$(CURDIR)/$(PYTHON)
	@touch $@

build: $(BUILD)/build.ninja ## compile; .venv/bin/python can then import camshaft, .venv/bin has our commands
	@tools/build.sh compile dev
	@tools/link_build.sh $(BUILD)

programs: $(BUILD)/build.ninja ## compile what users run, without the tests
	@tools/build.sh compile dev programs
	@tools/link_build.sh $(BUILD)

demo: programs ## run the two demos on a local cluster; speed-ups are printed, plots go to build/demo
	@$(PYTHON) examples/demo.py --output build/demo

test: build ## run every test: C++ (plain, asan, tsan), Python, real processes, layers
	@tools/test.sh

test-mongo: build ## run the tests of --mongodb; needs Go 1.24, builds a server once, into build/mongo-server
	@tools/mongo_server.sh build/mongo-server
	@$(PYTHON) -m pytest -q tests/mongo

test-launchers: build ## run the tests of launchers against a real Slurm, Grid Engine, MPI, sshd; needs root, installs them once
	@tools/launcher_packages.sh
	@$(PYTHON) -m pytest -q -n 3 --dist=loadfile tests/launchers

test-jupyter: build ## run the tests of Jupyter's front ends in a browser; installs Chromium, JupyterLab and Notebook once
	@tools/jupyter_packages.sh
	@$(PYTHON) -m pytest -q tests/frontends

test-official: programs ## run the original's own test modules, as they are in its wheel, against our controller and engines
	@$(PYTHON) tools/official_tests.py

chaos: programs ## kill, stop and cut off the processes of a cluster at work, many times; prints what became of every task
	@CAMSHAFT_CHAOS_CUT=30 $(PYTHON) -m pytest -q -p no:cacheprovider tests/chaos/test_network.py
	@CAMSHAFT_CHAOS_TASKS=20000 CAMSHAFT_CHAOS_SEED=$$(od -An -N2 -tu2 /dev/urandom | tr -d ' ') $(PYTHON) -m pytest -q -p no:cacheprovider tests/chaos/test_many_tasks.py
	@PYTHONPATH=tests $(PYTHON) -m chaos.chaos --rounds 20

BENCH_PYTHON := build/bench-venv/bin/python
$(BENCH_PYTHON): bench/requirements.txt | setup
	@echo "bench: installing what we compare with into build/bench-venv"
	@$(PYTHON) -m venv --clear build/bench-venv
	@$(BENCH_PYTHON) -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	@touch $@

BENCH := raw,clients,prefetching,core,cycles,makespan,others,million,start
bench: build $(BENCH_PYTHON) ## measure against the original, raw ZeroMQ, Dask and Ray; BENCH=raw,core chooses sections
	@tools/build.sh configure dev -DCAMSHAFT_BENCH=ON
	@tools/build.sh compile dev
	@$(PYTHON) bench/run.py --output build/bench.json --only $(BENCH)

format: setup ## format all C++ and Python files
	@tools/lint.sh --format

lint: setup ## clang-format, clang-tidy, ruff, mypy and the layer check
	@tools/lint.sh

clean: ## remove everything built; .venv stays
	@for path in build dist .pytest_cache .mypy_cache .ruff_cache; do \
	  if [ -e $$path ]; then echo "clean: removing $$path"; rm -rf $$path; fi; done
	@find python tests tools bench examples -name __pycache__ -type d -prune -exec rm -rf {} + 2> /dev/null || true
