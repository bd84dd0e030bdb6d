# Everything a person or a machine does with this repository. `make` alone lists it.
#
# The environment lives in .venv. It is set up when its stamp is missing; the stamp's name carries a checksum of the
# lock file and of pyproject.toml, so it is set up again exactly when one of them changed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.SUFFIXES:

# The first Python that is new enough; `make run PYTHON=/path/to/python` overrides it.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
EXAMPLE ?= examples/sklearn/train.py
TESTS ?=

sum = $(shell cat pyproject.toml $(1) | cksum | cut -d ' ' -f 1)
RUN := $(VENV)/.run-$(call sum,requirements/run.txt)
DEV := $(VENV)/.dev-$(call sum,requirements/dev.txt)
HUB := tests/github/node_modules/.hub-$(shell cat tests/github/package.json tests/github/package-lock.json | cksum | cut -d ' ' -f 1)

.PHONY: help run test check format bench dist lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN)  ## set up what is light, adapt an example, show the diff and the evidence
	$(BIN)/mlops-bot add mlflow $(EXAMPLE) --engine recipe --sandbox process

test: $(DEV) $(HUB)  ## set up everything, run all tests (TESTS="tests/test_cli.py -k word" for some)
	$(BIN)/python -m pytest $(TESTS)

check: $(DEV)  ## formatting, lint, types, import contracts, workflows: no tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=src:. $(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/zizmor --offline --quiet --persona auditor .github examples/workflows action.yml

format: $(DEV)  ## format, and fix what ruff can fix
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(RUN)  ## the bot's own time: --help, and each step for an 800-line script
	$(BIN)/python benchmarks/own_time.py

dist: $(RUN)  ## the package, as it is published
	rm -rf dist
	$(BIN)/python -m hatchling build

# Dependencies are locked with hashes, for every supported Python and platform. The run lock is a subset of the other:
# going from `make run` to `make test` changes no version.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --upgrade pyproject.toml

lock: $(DEV)  ## refresh the lock files to the newest versions that pyproject.toml allows
	$(LOCK) --all-extras --group dev --output-file requirements/dev.txt
	$(LOCK) --constraints requirements/dev.txt --group build --output-file requirements/action.txt
	$(LOCK) --group run --constraints requirements/dev.txt --output-file requirements/run.txt

clean:  ## remove the environment and every cache of the tools
	rm -rf $(VENV) tests/github/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# pip honours whatever the machine is configured to; uv does the same work in a third of the time. So pip brings uv (both
# check the lock's hashes), and where uv cannot reach a registry that only pip is configured for, pip does it all.
$(BIN)/uv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or say where it is: make run PYTHON=/path/to/python" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) could not make an environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@sed -n '/^uv==/,/[^\\]$$/p' requirements/run.txt > $(VENV)/uv.txt
	@$(PIP) install --quiet --require-hashes --requirement $(VENV)/uv.txt

define install
	@$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --compile-bytecode --require-hashes --requirement $(1) \
		|| $(PIP) install --quiet --require-hashes --requirement $(1)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
endef

$(RUN): | $(BIN)/uv
	@echo "Setting up $(VENV) (once)"
	$(call install,requirements/run.txt)
	@rm -f $(VENV)/.run-* && touch $@

$(DEV): | $(BIN)/uv
	@echo "Setting up $(VENV) with the whole training stack (once; several gigabytes)"
	$(call install,requirements/dev.txt)
	@rm -f $(VENV)/.run-* $(VENV)/.dev-* && touch $@ $(RUN)

# The local GitHub that the tests talk to: what npm's lock file says, and none of its packages' install scripts.
$(HUB):
	@command -v npm >/dev/null || { echo "npm is needed for the local GitHub of the tests; on Debian and Ubuntu: apt-get install npm" >&2; exit 2; }
	@echo "Setting up the local GitHub of the tests (once)"
	@cd tests/github && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
