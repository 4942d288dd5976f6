# The commands of this repository. `make` alone lists them; `make demo` is the one to begin with.
# Needs git, make and python3 with its venv module; everything else is installed into .venv, without root.

# Whoever brings an environment of their own (an image, a package) names it: make demo VENV=/opt/venv NO_SETUP=1
VENV ?= .venv
ARGS ?=
NO_SETUP ?=
# Processes that run test files side by side: one more than there are cores, for many of them wait for servers they started.
# In the order of their names: whole journeys come first, and a core is not left alone with a long one at the end.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
BIN := $(VENV)/bin
# Tests start hundreds of processes, and without bytecode beside the sources each would compile all of them again.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-nightly check format bench lock setup setup-dev clean

help:  ## this list
	@echo "Clausegate: the signed contract is the configuration."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'
	@echo
	@echo "Options of a command go into ARGS:   make demo ARGS=\"--once\"   make test ARGS=\"-k mask\""
	@echo "Another Python, another place:       make demo PYTHON=python3.13 VENV=/tmp/venv"

demo: setup  ## the whole thing in two minutes: a company, four partners, a gateway, a tour
	@$(BIN)/clausegate demo $(ARGS)

test: setup-dev  ## every test but the slow and the long ones, on every core
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: setup-dev  ## the tests that take minutes: crashes, floods, scale, several workers
	@$(BIN)/python -m pytest -m "long or slow" $(ARGS)

check: setup-dev  ## style, types, the import rule, and whether the locks belong to pyproject.toml
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python deploy/lock.py --check

format: setup-dev  ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

test-nightly: setup-dev  ## 20,000 hostile answers to generated products and views: half an hour and more
	@HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/unit/exchange/test_no_leak.py $(ARGS)

bench: setup-dev  ## the gateway beside nginx and nginx + Lua, on this machine (two minutes)
	@$(BIN)/python -m bench.micro
	@$(BIN)/python -m bench.run $(ARGS)

lock: setup-dev  ## choose versions again after pyproject.toml changed, and write both lock files
	@$(BIN)/python deploy/lock.py

setup:  ## only make .venv, with what running needs
	@test -n "$(NO_SETUP)" || { python=$$(PYTHON="$(PYTHON)" deploy/find-python) && "$$python" deploy/bootstrap.py run --venv "$(VENV)"; }

setup-dev:  ## only make .venv, with what tests and checks need as well
	@test -n "$(NO_SETUP)" || { python=$$(PYTHON="$(PYTHON)" deploy/find-python) && "$$python" deploy/bootstrap.py dev --venv "$(VENV)"; }

clean:  ## remove .venv and every cache; never a workspace
	@if [ -f "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)" "$(VENV).lock"; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
