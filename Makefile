# Everything people and CI do with a checkout. On a fresh machine: `make bench`, `make test`.
# Needs Python 3.11 or newer, make, and a package index that pip can reach.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The locks carry a hash for every file. On Linux x86_64 all of it comes as wheels, so that no compiler is needed; where one
# is missing (hdrhistogram's for Linux on ARM), pip builds it from the sdist. -qq: errors are shown, warnings about the
# machine's own pip settings are not.
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help bench test lint types tests unit integration fuzz wheel-smoke benchmark statistics comparison-study variance-study \
	drift-study lock schema dashboards check-dashboards stack clean

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  make %-16s %s\n", $$1, $$2 }'

bench: $(VENV)/.runtime ## Set up and run the quick start on the embedded simulator, about 30 s
	@$(BIN)/loadgen run quickstart

test: $(VENV)/.engine ## Set up and run all that CI runs: lint, types, wheel smoke test, every test
	@MAKE="$(MAKE)" scripts/timed_steps lint "types wheel-smoke" tests

lint: $(VENV)/.dev ## ruff: lint and format; hadolint
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/hadolint Dockerfile

types: $(VENV)/.dev ## mypy, strict
	@$(BIN)/mypy

# In their order: the integration tests, a few long ones a file, come before the unit tests that fill the cores at the end.
tests: $(VENV)/.engine ## Every test, unit and integration, with the real engine where it runs
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

unit: $(VENV)/.dev ## The unit tests: no sockets, about 15 s
	@$(BIN)/python -m pytest tests/unit

integration: $(VENV)/.engine ## The integration tests: real servers, processes and Locust
	@$(BIN)/python -m pytest tests/integration

fuzz: $(VENV)/.dev ## Noise at all that takes a server's bytes: minutes, other seeds each time; TIMES=100 for longer
	@CI= FUZZ_TIMES=$${TIMES:-20} $(BIN)/python -m pytest --timeout=0 tests/fuzz tests/unit/client/test_differential.py

wheel-smoke: $(VENV)/.dev ## Build the wheel from the sdist and run it in an empty environment
	@$(BIN)/python tests/smoke/wheel.py

benchmark: $(VENV)/.dev ## Measure loadgen itself: writes benchmarks/results.md and JSON
	@$(BIN)/python -m benchmarks.run

comparison-study: $(VENV)/.dev ## How often `compare` is wrong, in virtual time: writes benchmarks/comparison.md
	@$(BIN)/python -m benchmarks.comparison

drift-study: $(VENV)/.dev ## How often a week's drifts are found, in virtual time: writes the tables of docs/drift.md; minutes
	@$(BIN)/python -m benchmarks.drift

statistics: $(VENV)/.dev ## The study of the intervals: minutes; writes benchmarks/statistics.md and JSON
	@$(BIN)/python -m benchmarks.statistics

variance-study: $(VENV)/.dev ## Are variance components recovered: writes benchmarks/variance.md and JSON
	@$(BIN)/python -m benchmarks.variance

schema: $(VENV)/.runtime ## Rewrite the JSON Schema of summary.json from its models
	@$(BIN)/python -m loadgen.outputs.summary_json

dashboards: $(VENV)/.dev ## Rewrite grafana/dashboards/*.json from the code in grafana/
	@$(BIN)/python -W "ignore:Prefer using dashboardv2" -m grafana.build

check-dashboards: $(VENV)/.dev ## Every dashboard on a short run and a real Prometheus, its values printed; about 40 s
	@$(BIN)/python -m grafana.check

stack: $(VENV)/.dev ## What docker-compose.yml starts, as processes of this machine, until Ctrl-C
	@$(BIN)/python -m stack.native

lock: $(VENV)/.dev ## Pin the dependencies anew, keeping pins that still fit; UPGRADE=--upgrade takes the newest
	@$(BIN)/python -m pip install -qq --disable-pip-version-check uv
	@$(LOCK) $(UPGRADE) pyproject.toml --output-file requirements/runtime.txt
	@$(LOCK) $(UPGRADE) -c requirements/runtime.txt --group build --output-file requirements/build.txt
	@$(LOCK) $(UPGRADE) -c requirements/runtime.txt -c requirements/build.txt pyproject.toml --group dev \
		--output-file requirements/dev.txt
	@$(LOCK) $(UPGRADE) --no-deps --group engine --output-file requirements/engine.txt

clean: ## Remove the environment, caches and build results; run folders stay
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/.work

# Set-up, one stamp a step: a second `make` installs nothing unless a lock has changed.

$(VENV)/.created:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON): not found; install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("loadgen needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; name another: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@echo "Setting up $(VENV): once, and again when the locks change"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements/build.txt requirements/runtime.txt pyproject.toml setup.py $(VENV)/.created
	@$(INSTALL) -r requirements/build.txt -r requirements/runtime.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

# Wheels of the engine exist for the common platforms only. Where there is none its tests are skipped, with the reason;
# LOADGEN_REQUIRE_ENGINE=1, which CI sets, makes that a failure.
$(VENV)/.engine: requirements/engine.txt $(VENV)/.dev
	@if $(INSTALL) --no-deps --only-binary :all: -r requirements/engine.txt; then touch $@; \
	elif [ "$(LOADGEN_REQUIRE_ENGINE)" = 1 ]; then exit 1; \
	else echo "No llama.cpp engine for this platform: the tests that need it are skipped"; fi
