# Two commands do all the set-up: `make demo` and `make test`. Each makes .venv when there is none.

# the first that runs and is new enough; TensorFlow has wheels up to 3.13
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test matrix lint docs soak starters wheel-check clean

help:
	@echo "make demo         train on real reviews and classify three sentences of yours (7 minutes)"
	@echo "make test         check lint, format and types, and run every test (15 minutes)"
	@echo "make matrix       quicker tests of commands, recipes, files and bundles, under the Pythons from 3.11 to 3.13 that are here"
	@echo "make lint         lint, format and types only"
	@echo "make docs         build the guide and the reference into build/docs"
	@echo "make soak         kills, damaged bundles, full disks and odd tables by the thousand (an hour)"
	@echo "make starters     train the models that come with the package anew, from IMDB, dates and Python's docs (three hours)"
	@echo "make wheel-check  build the wheel, and the one that answers alone, and try each in an empty environment"
	@echo "make clean        remove .venv and what was built"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "nlpkit needs Python 3.11, 3.12 or 3.13; name one with make PYTHON=..." >&2; exit 1; }
	@echo "making a virtual environment in $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo-ready: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing nlpkit, TensorFlow and the reviews into $(VENV) (about 2.5 GB, a minute or two)"
	@$(PIP_INSTALL) --editable '.[samples]'
	@touch $@

$(VENV)/test-ready: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing nlpkit and what its tests need into $(VENV) (about 4 GB, a minute or two)"
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/demo-ready

demo: $(VENV)/demo-ready
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/demo.sh

lint: $(VENV)/test-ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n 2 --dist worksteal  # a process takes up to 2.5 GB

matrix: $(BIN)/python
	sh scripts/matrix.sh $(BIN)/python

docs: $(VENV)/test-ready
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

soak: $(VENV)/test-ready
	$(BIN)/python -m soak.kills --count 1000
	$(BIN)/python -m soak.damage --count 10000
	$(BIN)/python -m soak.full --count 200
	$(BIN)/python -m soak.tables --count 2000

starters: $(VENV)/test-ready
	PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/starters.sh build/starters

wheel-check: $(VENV)/test-ready
	sh scripts/check_wheel.sh $(BIN)/python
	sh scripts/check_inference.sh $(BIN)/python

clean:
	rm -rf $(VENV) $(VENV)-3.* build dist .mypy_cache .pytest_cache .ruff_cache
