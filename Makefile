# `make serve` and `make test` need Python 3.11 or newer, and nothing else that they don't get
# themselves.

.DEFAULT_GOAL := help

# The Python of the virtual environment: the first from 3.11 on that can make one.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14 /usr/bin/python3; do \
    $$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
        && echo $$python && break; done)
# Where `make serve` listens and keeps what it is sent.
ADDRESS ?= 127.0.0.1
PORT ?= 5000
STORAGE ?= $(CURDIR)/var/registry
CONFIG ?= etc/config.yml
# More arguments for pytest: make test ARGS='-x tests/web'.
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/runtime.stamp
DEVELOPMENT := $(VENV)/development.stamp
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
# `compat`: any other editable installation hides twisted/plugins from twistd.
EDITABLE := --config-settings editable_mode=compat

# twistd reads plug-ins from a cache; asking for them writes it.
define FINISH
$(BIN)/python -c 'from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))'
@touch $@
endef

.PHONY: help serve test soak components lint format bench docs build clean

help:
	@echo 'make serve   run a registry on $(ADDRESS):$(PORT) that keeps its data in $(STORAGE)'
	@echo '             (ADDRESS=, PORT=, STORAGE= and CONFIG= are yours to set)'
	@echo 'make test    get the real clients that can be had, and run every test at its small size'
	@echo 'make soak    run the proofs that have two sizes at their full one, and print a report'
	@echo 'make bench   measure it beside other registries (ARGS=--help tells how)'
	@echo 'make lint    ruff, ruff format and mypy'
	@echo 'make format  let ruff mend what it can'
	@echo 'make docs    the documentation, into docs/_build/html'
	@echo 'make build   the wheel and the source archive, into dist'
	@echo 'make clean   remove all that make made, but not what the registry stored'

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'There must be a Python from 3.11 on, with its module venv' \
	    '(on Debian: apt-get install python3 python3-venv).'; exit 1; }
	'$(PYTHON)' -m venv $(VENV)

$(RUNTIME): setup.py | $(BIN)/python
	$(PIP) install -e '.[all]' $(EDITABLE)
	$(FINISH)

$(DEVELOPMENT): setup.py | $(BIN)/python
	$(PIP) install -e '.[dev]' $(EDITABLE)
	@touch $(RUNTIME)
	$(FINISH)

serve: $(RUNTIME)
	@mkdir -p '$(STORAGE)'
	exec env REGISTRY_HTTP_ADDR='$(ADDRESS):$(PORT)' \
	    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY='$(STORAGE)' \
	    $(BIN)/txregistry serve '$(CONFIG)'

components: $(DEVELOPMENT)
	@$(BIN)/python -m tests.components.install

test: components
	$(BIN)/python -m pytest $(ARGS)

soak: components
	TXREGISTRY_SOAK=1 $(BIN)/python -m pytest -m soak $(ARGS)

lint: $(DEVELOPMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEVELOPMENT)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEVELOPMENT)
	@$(BIN)/python -m tests.components.install cc nginx docker-registry registry
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(DEVELOPMENT)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

build: $(DEVELOPMENT)
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) .components build dist *.egg-info docs/_build twisted/plugins/dropin.cache
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
