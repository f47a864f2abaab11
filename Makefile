# Three commands: `make app`, `make check` and `make test`. Each can be repeated; finished steps are skipped.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501

CHECKED := topology criteria texts figures lessons plan architectures storage test_imports.py test_docs.py test_errors.py test_facade.py

.PHONY: app check test lint bench faults fuzz clean

app: $(VENV)/.app
	$(BIN)/obce app --port $(PORT)

test: $(VENV)/.dev
	$(BIN)/python -m tests.browsers
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not model and not browser and not cluster' $(addprefix tests/,$(CHECKED))

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev
	for name in imports r_f plan_edit collect cut_layer cut_memory memory; do $(BIN)/python -m benchmarks.$$name || exit 1; done

faults: $(VENV)/.dev
	$(BIN)/python -m benchmarks.faults
	$(BIN)/python -m pytest -m cluster tests/jobs tests/browser

fuzz: $(VENV)/.dev
	$(BIN)/python -m benchmarks.fuzz

$(BIN)/python:
	@case "$$(uname -s)" in Linux|Darwin) ;; *) echo "obce runs on Linux and macOS; on Windows use WSL." >&2; exit 2;; esac
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "obce needs Python 3.11 or newer; set PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# torch first and alone: an index that offers a CPU build gives it, and later ranges are then satisfied.
$(VENV)/.app: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[demo,images]'
	@touch $@

$(VENV)/.dev: $(VENV)/.app
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[demo,dev,images,onnx,ray]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
