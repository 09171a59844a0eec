# Every target makes .venv and installs what it needs; a second call only does its work.
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
# The first Python that is new enough.
PYTHON ?= $(shell for one in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$one && break; done)
DEMO ?= demo
COEXIST ?= .venv-coexist
OIDC ?= .venv-oidc
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# What the sidebar is made of: installing again builds it again.
SIDEBAR := $(shell find jupyter_extension/src jupyter_extension/style jupyter_extension/schema -type f) \
	$(wildcard jupyter_extension/*.json jupyter_extension/hatch_build.py)
# What does not touch DuckDB need not be tried with another one.
NO_DUCKDB := --ignore=tests/governance/audit --ignore=tests/governance/test_tokens.py
# Rows and rounds of the whole: `make soak` and `make bench`.
QUICK := not soak and not bench and not pictures
# A file's tests share their servers, so they stay in one process.
# Two processes more than there are cores: much of what tests do is waiting for other processes, and with one more the two
# cores of a run were still idle for 40 % of its time.
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
SIDE_BY_SIDE := --numprocesses=$(shell expr $(CORES) + 2) --maxprocesses=6 --max-worker-restart=0 --dist=loadfile --no-loadscope-reorder

# In memory where it has room: opening a workspace alone waits for the disk nine times.
ROOMY := $(shell [ -w /dev/shm ] && [ "$$(df -Pm /dev/shm | awk 'NR == 2 {print $$4}')" -gt 6000 ] \
	&& [ "$$(awk '/^MemAvailable/ {print int($$2 / 1024)}' /proc/meminfo)" -gt 12000 ] && echo /dev/shm)
# The few that failed, once more, one after the other: what passes then is named, for somebody to mend,
# and does not stop what has nothing to do with it. More than a few are no accident, and neither is a process that died.
AGAIN = failed=$$($(BIN)/python -c 'import json, sys; print(len(json.load(open(sys.argv[1]))))' $$tmp/cache/v/cache/lastfailed 2>/dev/null); \
	[ ! -e $$tmp/cache/v/pluto_duck/died ] && [ "$${failed:-99}" -le 3 ] && echo "$$failed failed among the others. Alone, once more (what passes now depends on its neighbours or on time):" && \
	TMPDIR=$$tmp $(BIN)/python -m pytest -v -m "$(QUICK)" -o cache_dir=$$tmp/cache --last-failed --last-failed-no-failures=none
# Temporary files of a command: of its own, and gone with it.
IN_ITS_OWN_TMP := tmp=$$(mktemp -d $(or $(ROOMY),$${TMPDIR:-/tmp})/pd.XXXXXX); chmod 1777 $$tmp; trap 'rm -rf $$tmp' EXIT; TMPDIR=$$tmp

# Tests start some thousand processes. Where compiled modules may not be kept, each would compile all of us anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo lab test lint bench soak docs coexist oidc clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.demo ## a private PostgreSQL, real flights, three questions, one chart
	@$(BIN)/pluto-duck demo --postgres --folder $(DEMO)

lab: $(VENV)/.demo ## the same in JupyterLab
	@$(BIN)/pluto-duck demo --postgres --folder $(DEMO) --lab

test: export COMPILES_TESTS := 1
test: $(VENV)/.test .duckdb2/.installed $(OIDC)/.installed lint ## lint, all tests with the coverage gate, the notebooks, DuckDB 2.0
	@$(IN_ITS_OWN_TMP) $(BIN)/python -m pytest -m "$(QUICK)" $(SIDE_BY_SIDE) -o cache_dir=$$tmp/cache \
		--cov --cov-report=term:skip-covered || { [ $$? -eq 1 ] && $(AGAIN) && $(BIN)/coverage report --format=total; }
	@if ls notebooks/*.ipynb >/dev/null 2>&1; then $(MAKE) --no-print-directory notebooks; fi
	@folders=; for one in workspace session governance; do [ -d tests/$$one ] && folders="$$folders tests/$$one"; done; \
		echo "The core again, on DuckDB 2.0:"; \
		$(IN_ITS_OWN_TMP) PYTHONPATH=.duckdb2 $(BIN)/python -m pytest -q -m "$(QUICK)" $(SIDE_BY_SIDE) \
			-o cache_dir=$$tmp/cache $$folders $(NO_DUCKDB) || { [ $$? -eq 1 ] && export PYTHONPATH=.duckdb2 && $(AGAIN); }

.PHONY: notebooks
notebooks: $(VENV)/.test
	@home=$$(mktemp -d); trap 'rm -rf $$home' EXIT; \
		PLUTODUCK_HOME=$$home $(BIN)/python -m pytest -q -p no:cacheprovider --nbval-lax --nbval-current-env notebooks \
			--ignore=notebooks/01_quickstart.ipynb  # tests/notebooks runs it, and reads what it shows

lint: $(VENV)/.test ## ruff, mypy, the floors, eslint and prettier
	$(BIN)/ruff check .
	@$(BIN)/mypy & types=$$!; $(MAKE) --no-print-directory lint-beside; beside=$$?; wait $$types && exit $$beside

# On another core, while mypy takes its minute. Before `make test` each module of the tests is compiled there, once: its
# processes collect them side by side, and each would compile all of them.
.PHONY: lint-beside
lint-beside:
	@[ -z "$(COMPILES_TESTS)" ] || $(BIN)/python -m pytest --collect-only -qq -m "$(QUICK)" -p no:cacheprovider >/dev/null 2>&1 || true
	$(BIN)/lint-imports
	@if command -v npm >/dev/null && [ -d jupyter_extension/node_modules ]; then \
		npm --prefix jupyter_extension --loglevel=error run --silent lint; \
	else \
		echo "The TypeScript is not linted: there is no npm, or the sidebar was not built here."; \
		[ "$$PLUTODUCK_REQUIRE_ALL" != 1 ]; \
	fi

bench: $(VENV)/.bench ## measures; prints the table
	$(BIN)/python -m pytest -m bench -s tests/benchmarks

soak: $(VENV)/.test ## fault and scale tests with all their rounds
	$(BIN)/python -m pytest -m soak -s --timeout=3600

pictures: $(VENV)/.test ## takes the pictures of README and docs/sidebar.md, and the tour
	$(BIN)/python -m pytest -m pictures tests/panel/test_pictures.py

docs: $(VENV)/.test ## writes the generated pages in docs/
	$(BIN)/python docs/generate.py

clean: ## removes what the targets made
	rm -rf jupyter_extension/lib jupyter_extension/.test pluto_duck/labextension .screenshots
	rm -rf $(VENV) $(COEXIST) $(OIDC) .duckdb2 $(DEMO) .coverage* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist build

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "pluto-duck needs Python 3.11 or newer, and there is none here."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || $(PYTHON) -m virtualenv --quiet $(VENV) || \
		{ echo "$(PYTHON) can't make a virtual environment (Debian: apt-get install python3-venv)."; exit 1; }

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt $(SIDEBAR)
	@echo "Installing pluto-duck and what the demo needs into $(VENV) ..."
	@$(PIP) --editable '.[demo,extensions]'
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml constraints.txt $(SIDEBAR)
	@echo "Installing pluto-duck and what its tests need into $(VENV) ..."
	@$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: $(VENV)/.test
	@echo "Installing the peers to measure against into $(VENV) ..."
	@$(PIP) --editable '.[bench]'
	@touch $@

coexist: $(COEXIST)/.installed ## other people's extensions of JupyterLab, for the test that all get along

# Beside the environment of the tests, whose packages it sees: what jupyter-ai brings along should not reach them.
$(COEXIST)/.installed: $(VENV)/.test
	@echo "Installing jupyter-ai and jupysql into $(COEXIST) ..."
	@$(BIN)/python -m venv --without-pip --clear $(COEXIST)
	@packages() { "$$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }; \
		echo "import site; site.addsitedir('$$(packages $(BIN)/python)')" > "$$(packages $(COEXIST)/bin/python)/tests.pth"
	@$(BIN)/python -m pip --python $(COEXIST)/bin/python install --quiet --disable-pip-version-check \
		--constraint constraints.txt jupyter-ai jupysql jupysql-plugin
	@touch $@

oidc: $(OIDC)/.installed ## a real OpenID Connect server, for the tests of access tokens

# It needs packages in versions that ours exclude.
$(OIDC)/.installed: $(BIN)/python tests/services/oidc.txt
	@echo "Installing an OpenID Connect server into $(OIDC) ..."
	@$(BIN)/python -m venv --without-pip --clear $(OIDC)
	@$(BIN)/python -m pip --python $(OIDC)/bin/python install --quiet --disable-pip-version-check \
		--requirement tests/services/oidc.txt
	@touch $@

# DuckDB 2.0 has no extension wheels yet: it lies beside the environment, not in it.
.duckdb2/.installed: $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target .duckdb2 --no-deps duckdb==2.0.0
	@touch $@
