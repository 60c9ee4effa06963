# Trueup. Everything runs in this folder: .venv and .venv-erp for programs, .trueup for state.
# Needed: Python 3.11 or newer, make, a C library that Python wheels are built for.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STATE ?= .trueup
SEED ?= 1
SLICE ?=
LIVES ?= 50
KILLS ?= 30
UPSTREAM ?= https://api.stripe.com
RULES ?=
PORT ?= 8099
PYTEST := $(BIN)/python -m pytest
COMPILE := pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url
#: Our packages are the folders with an __init__.py.
SOURCES := worker.py benchmarks tests $(patsubst %/,%,$(dir $(wildcard */__init__.py)))
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

# Containers often forbid it: every program that is started would then compile all of ours anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up down unit test test-slow browser pictures rt check format formatted lint \
  types imports contracts files schemas lock bench coverage mutants faults campaign faultproxy \
  release clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

setup: .venv/.ready .venv-erp/.ready ## Make both environments from the hashed locks

demo: setup ## Start everything, play eight stories, verify them in the systems themselves
	$(BIN)/trueup demo

up: setup ## Start the embedded stack and leave it running
	@$(BIN)/trueup --state $(STATE) status >/dev/null 2>&1; test $$? -le 1 || $(BIN)/trueup --state $(STATE) up --detach
	@$(BIN)/trueup --state $(STATE) status || test $$? -eq 1

down: setup ## Stop the embedded stack; its state stays
	$(BIN)/trueup --state $(STATE) down

unit: setup ## Run what needs no server, within seconds
	$(PYTEST) tests/unit -m "not slow" -n 2

test: setup ## Run every suite but the slow ones, on real servers
	$(PYTEST) -m "not slow and not browser and not rt" -n 3 --dist loadfile

browser: setup ## Open the console in Chromium, where one is installed
	$(PYTEST) tests/console -m "browser$(if $(SLICE), and not long)"

pictures: setup ## Do the console's jobs in Chromium, and make the pictures of docs/pictures
	TRUEUP_PICTURES=$(CURDIR)/docs/pictures $(PYTEST) tests/console/test_console_jobs.py -m browser

rt: setup ## Run what needs a real Request Tracker 5, where its packages are installed
	$(PYTEST) -m rt tests/connectors

coverage: setup ## Run `make test`, and print which branches of the product it has taken
	rm -rf build/coverage && mkdir -p build/coverage
	COVERAGE_FILE=$(CURDIR)/build/coverage/data $(BIN)/coverage run -m pytest -m "not slow and not browser and not rt" -n 3 --dist loadfile --tb=native
	COVERAGE_FILE=$(CURDIR)/build/coverage/data $(BIN)/coverage combine --quiet
	COVERAGE_FILE=$(CURDIR)/build/coverage/data $(BIN)/coverage report --skip-covered --sort=cover

test-slow: setup ## Run the slow suites; SLICE=1 leaves out what takes minutes for more of the same
	$(PYTEST) -m "slow and not rt$(if $(SLICE), and not long)" -n 2 --dist loadfile

check: formatted lint types imports contracts files ## Run every static check

format: setup ## Format every file, and mend what can be mended by rule
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

formatted: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy $(SOURCES)

imports: setup
	$(BIN)/lint-imports --no-logo

contracts: setup
	$(BIN)/python -m canonical_models.schemas --check

files: setup
	$(PYTEST) tests/architecture/test_files.py tests/architecture/test_locks.py

schemas: setup ## Export the JSON Schemas of the events to schemas/
	$(BIN)/python -m canonical_models.schemas

mutants: setup ## Break what books, keeps and proves it in 300 places; the tests must see it (20 min)
	$(BIN)/python -m tests.mutants --sample 300 --seed $(SEED)

faults: setup ## Meet every step and undo with every fault; no system may disagree afterwards (60 min)
	$(BIN)/python -m tests.fire.matrix $(if $(SLICE),--slice --patience 3)

campaign: setup ## Random lives while processes die and vendors fail: make campaign SEED=7 LIVES=500 KILLS=300
	$(BIN)/python -m tests.fire.campaign --seed $(SEED) --lives $(LIVES) --kills $(KILLS)

faultproxy: setup ## Put faults before a test account: make faultproxy UPSTREAM=https://… RULES=file SEED=1
	$(BIN)/python -m sandbox.simulators.faultproxy --tell --upstream $(UPSTREAM) --port $(PORT) --seed $(SEED) $(if $(RULES),--rules $(RULES))

bench: setup ## Print the limits that must be met, and what this machine reaches
	$(BIN)/python -m benchmarks

lock: setup ## Make the locks anew from pyproject.toml and requirements/erp.in (asks the registry)
	$(BIN)/uv $(COMPILE) --extra embedded pyproject.toml -o requirements.lock
	$(BIN)/uv $(COMPILE) --extra embedded --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv $(COMPILE) requirements/erp.in -o requirements-erp.lock

release: check ## Build dist/*.whl and print the image's tag and the notes, from the changelog
	$(BIN)/python -m tests.architecture.release $(VERSION) > /dev/null
	rm -rf dist build
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  --wheel-dir dist .
	@rm -rf build
	@$(BIN)/python -m tests.architecture.release $(VERSION)
	@echo "image: docker build -t trueup:$(VERSION) ."

clean: ## Remove both environments and all caches; stop the stack first, its state stays
	rm -rf .venv .venv-erp .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# A stamp is written last, so a set-up that was interrupted is done again.
.venv/.ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Trueup needs Python 3.11 or newer; name one with: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv-erp/.ready: requirements-erp.lock $(wildcard tryton_trueup/*.toml tryton_trueup/trueup/*.*)
	$(PYTHON) -m venv .venv-erp
	.venv-erp/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-erp.lock
	@# What setuptools leaves in the folder would be installed again after a file is deleted.
	@rm -rf tryton_trueup/build tryton_trueup/*.egg-info
	.venv-erp/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation ./tryton_trueup
	@rm -rf tryton_trueup/build tryton_trueup/*.egg-info
	@touch $@
