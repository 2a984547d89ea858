# make book       the book, on the simulated world        make book WORLD=yeast CONFIG=config/quick.yaml
# make benchmark  its tables and figures, without a site  make benchmark WORLD=yeast
# make test       the tests                               make tf WORLD=yeast NAME=Hsf1 PEAKS=hsf1.bed
WORLD ?= simulated
CONFIG ?= config/default.yaml
PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

# A killed run leaves no half-written file behind, so it can simply be started again.
SNAKEMAKE = snakemake --configfile $(CONFIG) --cores all --nolock --rerun-incomplete --quiet progress host reason --show-failed-logs

.PHONY: install book benchmark tf human_ctcf record test lint clean

install: $(BIN)/installed

# PyTorch goes first and by pip, which finds the build that fits the machine; uv then resolves the rest in seconds.
$(BIN)/installed: requirements.lock pyproject.toml $(wildcard lib/regdna/*/*.pyx)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip uv
	$(BIN)/python -m pip install --quiet $$(grep '^torch==' requirements.lock)
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet -r requirements.lock
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --editable .
	touch $@

book: install
	$(SNAKEMAKE) --config world=$(WORLD) -- book

benchmark: install
	$(SNAKEMAKE) --config world=$(WORLD) -- benchmark

tf: install
	@test -n "$(NAME)" -a -n "$(PEAKS)" || { echo "usage: make tf WORLD=yeast NAME=Hsf1 PEAKS=hsf1.bed"; exit 2; }
	$(SNAKEMAKE) --config world=$(WORLD) name=$(NAME) peaks=$(abspath $(PEAKS)) -- own_factor

human_ctcf: install
	$(SNAKEMAKE) -- human_ctcf

record: $(if $(wildcard data/collections/$(WORLD).yaml),$(WORLD),book)
	regdna record $(WORLD) --notebooks results/$(WORLD)/notebooks

test: install
	pytest

lint: install
	ruff check .
	ruff format --check .

clean:
	rm -rf results data/built
