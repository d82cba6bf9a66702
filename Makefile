# `make run` and `make test` each do everything on a fresh clone; they need Python 3.10+ and make.
#   make run ARGS="--port 7861"      make test ARGS="tests/test_owners.py -x"      make run PYTHON=python3.12

PYTHON ?= python3
ARGS ?=
PY := .venv/bin/python
APP_READY := .venv/.app-ready
DEV_READY := .venv/.dev-ready
NEWEST := .venv-newest
FROM ?= .venv
# By file over several processes, each with one server and one browser, at most four.
# The files keep the order of tests/conftest.py, the longest first. ARGS="-n 0" runs all in one process.
SHARED_OUT := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help run extras test test-quick test-heavy real-models test-real test-all test-newest lint format space constraints clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(APP_READY) ## Install what is missing and start http://127.0.0.1:7860
	@exec $(PY) app.py $(ARGS)

extras: $(APP_READY) ## Install what opens more; requirements-extra.txt says what
	@$(PY) -m pip install --disable-pip-version-check -c constraints.txt -r requirements-extra.txt

test: $(DEV_READY) ## Run the tests on all cores
	@$(PY) -m pytest $(SHARED_OUT) $(ARGS)

test-quick: $(DEV_READY) ## Run the heart of them in two minutes
	@$(PY) -m pytest $(SHARED_OUT) -m quick $(ARGS)

test-heavy: $(DEV_READY) ## Run the heavier tests, which `make test` leaves out
	@$(PY) -m pytest $(SHARED_OUT) -m slow $(ARGS)

real-models: $(DEV_READY) ## Make two real small models in .real-models (350 MB are downloaded)
	@$(PY) -m models.real_models

test-real: real-models ## Run the tests that ask them
	@$(PY) -m pytest -n 0 -m real $(ARGS)

test-all: real-models ## Run every test
	@$(PY) -m pytest $(SHARED_OUT) -m "" $(ARGS)

# What the ranges of requirements*.txt give today, in an environment of its own.
test-newest: ## Run the tests with the newest versions allowed, and say which they are
	@$(call environment,$(NEWEST)); \
	echo "Installing the newest versions into $(NEWEST) ..."; \
	$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		--upgrade --upgrade-strategy eager -r requirements-dev.txt; \
	$(NEWEST)/bin/python -m pytest $(SHARED_OUT) $(ARGS) && result=0 || result=$$?; \
	$(NEWEST)/bin/python .ci/constraints.py differ; \
	exit $$result

lint: $(DEV_READY) ## Check style and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m basedpyright

format: $(DEV_READY) ## Put the code in the project's format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

space: $(APP_READY) ## Write the folder of a Hugging Face Space; ARGS="space --docker --model Qwen/Qwen3-0.6B"
	@$(PY) .ci/space.py $(ARGS)

constraints: ## Write the versions in .venv, or FROM=.venv-newest, into constraints.txt
	@$(FROM)/bin/python .ci/constraints.py write $(ARGS)

clean: ## Remove the environments and caches, never what you made (workspace/)
	@rm -rf .venv $(NEWEST) .pytest_cache .ruff_cache

# The stamps are touched last, so an install that was cut short is done again.
$(DEV_READY): requirements-dev.txt requirements.txt requirements-extra.txt constraints.txt
	@$(call prepare,requirements-dev.txt)

$(APP_READY): requirements.txt constraints.txt
	@$(call prepare,requirements.txt)

# environment FOLDER: a Python with pip there; kept where it is whole.
define environment
command -v $(PYTHON) >/dev/null 2>&1 || \
	{ echo "Omokage needs Python 3.10 or newer, and there is no '$(PYTHON)' here; name another with PYTHON=..." >&2; exit 1; }; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	{ echo "Omokage needs Python 3.10 or newer, and this is $$($(PYTHON) --version 2>&1); name another with PYTHON=..." >&2; exit 1; }; \
$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "This Python lacks venv or ensurepip: install the package python3-venv (on Debian and Ubuntu: sudo apt install python3-venv), then run make again." >&2; exit 1; }; \
set -e; \
$(1)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(1)
endef

# prepare REQUIREMENTS: in .venv, in exactly the tested versions. On a terminal pip shows its progress; in a log it is quiet.
define prepare
$(call environment,.venv); \
echo "Installing $(1) into .venv; the first time this takes some minutes and some gigabytes ..."; \
quiet=; [ -t 1 ] || quiet=--quiet; \
$(PY) -m pip install $$quiet --disable-pip-version-check -c constraints.txt -r $(1); \
touch $(APP_READY) $@
endef
