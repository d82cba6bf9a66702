# `make run` and `make test` each do everything on a fresh clone; they need Python 3.10+ and make.
#   make run ARGS="--port 7861"      make test ARGS="tests/test_owners.py -x"      make run PYTHON=python3.12

PYTHON ?= python3
ARGS ?=
PY := .venv/bin/python
APP_READY := .venv/.app-ready
DEV_READY := .venv/.dev-ready

.DEFAULT_GOAL := help
.PHONY: help run test test-heavy test-all lint format clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(APP_READY) ## Install what is missing and start http://127.0.0.1:7860
	@exec $(PY) app.py $(ARGS)

test: $(DEV_READY) ## Run the tests (15 minutes on 2 cores)
	@$(PY) -m pytest $(ARGS)

test-heavy: $(DEV_READY) ## Run the heavier tests, which `make test` leaves out
	@$(PY) -m pytest -m slow $(ARGS)

test-all: $(DEV_READY) ## Run every test
	@$(PY) -m pytest -m "" $(ARGS)

lint: $(DEV_READY) ## Check style
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

format: $(DEV_READY) ## Put the code in the project's format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

clean: ## Remove the environment and caches, never what you made (workspace/)
	@rm -rf .venv .pytest_cache .ruff_cache

# The stamps are touched last, so an install that was cut short is done again.
$(DEV_READY): requirements-dev.txt requirements.txt
	@$(call prepare,requirements-dev.txt)

$(APP_READY): requirements.txt
	@$(call prepare,requirements.txt)

# On a terminal pip shows its progress; in a log it is quiet.
define prepare
command -v $(PYTHON) >/dev/null 2>&1 || \
	{ echo "Omokage needs Python 3.10 or newer, and there is no '$(PYTHON)' here; name another with PYTHON=..." >&2; exit 1; }; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	{ echo "Omokage needs Python 3.10 or newer, and this is $$($(PYTHON) --version 2>&1); name another with PYTHON=..." >&2; exit 1; }; \
$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "This Python lacks venv or ensurepip: install the package python3-venv (on Debian and Ubuntu: sudo apt install python3-venv), then run make again." >&2; exit 1; }; \
set -e; \
echo "Installing $(1) into .venv; the first time this takes some minutes and some gigabytes ..."; \
$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv; \
quiet=; [ -t 1 ] || quiet=--quiet; \
$(PY) -m pip install $$quiet --disable-pip-version-check -r $(1); \
touch $(APP_READY) $@
endef
