# `make` lists the targets. Needs Python 3.11 or later, pip and make; everything else is put into .venv here.

# The Python that the installation is made with.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_ARGS ?=
UP_ARGS ?=
BENCH_ARGS ?=
# Two processes more than cores: many tests wait for something. Each has servers of its own, so there are few.
TEST_ARGS ?= -n $$(n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 6 ? n + 2 : 8)))
FAULTS ?= 200
FAULT_ARGS ?=
FAULT_TESTS = $(shell grep -rl --include="*.py" "\bfaults: int | None" tests/faults)
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Some images set it; then each of the many processes that are started would compile Rapport anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo up test test-long freeze check format lock audit-dependencies bench clean
.SUFFIXES:

help: ## list the targets
	@awk -F ':.*## ' '/^[.a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

demo: .venv ## import real data into a Rapport started here, compare the figures, stay up until Ctrl-C
	@exec $(BIN)/rapport demo $(DEMO_ARGS)

up: .venv ## start everything on this machine, without data, and stay up until Ctrl-C
	@exec $(BIN)/rapport up $(UP_ARGS)

test: .venv ## run all tests, on PostgreSQL and Apache Kafka started by them
	$(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder $(TEST_ARGS)

test-long: .venv ## run the tests with random faults in their long form, 200 faults each (up to an hour)
	$(BIN)/python -m pytest --faults=$(FAULTS) --timeout=3600 -s $(FAULT_ARGS) $(FAULT_TESTS)

freeze: .venv ## write what is generated when a record, a command, a read model or the command line changes
	$(BIN)/python -m tests.support.freeze

check: .venv ## ruff, mypy --strict, the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv ## format the code and sort its imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv ## write requirements.lock, with hashes, from pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --all-extras --no-header \
		pyproject.toml -o requirements.lock

audit-dependencies: .venv ## ask whether a dependency has a known vulnerability; says so where nobody answers
	@$(BIN)/python -m deploy.health.advisories

bench: .venv ## measure append, relay, live projections beside their references, and timeline pages
	@exec $(BIN)/rapport bench $(BENCH_ARGS)

clean: .venv ## remove data, logs and secrets in .rapport; refused while Rapport or its tests run
	@$(BIN)/python -m deploy.local.clean

.venv: $(VENV)/stamp ## install what requirements.lock and pyproject.toml name; done again when they change

# Installed over what is there: something that runs from it keeps running.
$(VENV)/stamp: requirements.lock pyproject.toml
	@python="$(PYTHON)"; \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Rapport needs Python 3.11 or later, and $$python is $$("$$python" -V 2>&1)." \
			"Install one and name it: make PYTHON=python3.11 ..." >&2; exit 1; }; \
	echo "Installing into $(VENV), with $$python, what requirements.lock names, with hashes (about a minute;" \
		"only when it changes)."; \
	"$$python" -m venv $(VENV) || { \
		echo "Python's venv module is incomplete here; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
