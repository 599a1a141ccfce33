# Two commands set everything up on a fresh machine: `make run` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run test lint format wheel bench docs clean

run: $(VENV)/.run
	$(BIN)/python -m shapley_credit

test: $(VENV)/.test
	$(BIN)/pytest

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The wheel, built from the sdist, in an environment without numba and torch.
wheel:
	rm -rf dist .venv-wheel
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python $(INSTALL) build
	.venv-wheel/bin/python -m build --outdir dist .
	.venv-wheel/bin/python $(INSTALL) "shapley-credit[test-core] @ file://$(CURDIR)/$$(ls dist/*.whl)"
	.venv-wheel/bin/pytest -m "not numba and not torch and not checkout"

bench: .venv-bench/.bench
	.venv-bench/bin/python $(INSTALL) --force-reinstall --no-deps .
	mkdir -p .benchmarks
	.venv-bench/bin/pytest benchmarks --benchmark-json=.benchmarks/speed.json \
	  --benchmark-columns=median,min,rounds --benchmark-sort=fullname --benchmark-group-by=group
	.venv-bench/bin/python benchmarks/report.py .benchmarks/speed.json --command 'make bench'

# Pages that are written by programs: the catalogue of utilities, and every family's error and time.
docs: $(VENV)/.test
	$(BIN)/python docs/catalogue.py
	$(BIN)/python benchmarks/families.py

clean:
	rm -rf .venv .venv-* dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "shapley_credit needs Python 3.11 or newer; say which: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python $(INSTALL) --editable '.[cpu,report]'
	touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python $(INSTALL) --editable '.[cpu,report,test]'
	touch $@

$(VENV)/.lint: $(VENV)/.test
	$(BIN)/python $(INSTALL) --editable '.[lint]'
	touch $@

# Benchmarks with shapiq, the peer, in an environment of their own with the package as users install it; writes docs/speed.md.
.venv-bench/.bench: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python $(INSTALL) '.[cpu,bench]'
	touch $@
