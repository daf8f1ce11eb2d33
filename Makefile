# Two cores are shared by test processes, so each keeps to one thread.
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
ONE_THREAD = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST = $(ONE_THREAD) $(BIN)/python -m pytest -n 2

.PHONY: demo test test-slow studies examples docs lint format bench calibration

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/installed  ## Install, and show the paper's first result
	$(BIN)/repbias run complexity --scale quick

test: $(VENV)/installed  ## The fast tests
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/installed  ## The tests that take more than about ten seconds each
	$(PYTEST) -m slow

studies: $(VENV)/installed  ## Every study at its quick scale to its page, with two seeds (a verdict needs four)
	$(BIN)/repbias run all --scale quick --seeds 2 --store "$$(mktemp -d)"

examples: $(VENV)/installed  ## Audits of two networks and of simulated recordings, of which the last two check themselves
	cd "$$(mktemp -d)" && for example in digits recordings sentences; do \
		$(ONE_THREAD) HF_HUB_OFFLINE=1 "$(CURDIR)/$(BIN)/python" "$(CURDIR)/examples/$$example.py" || exit 1; done

docs: $(VENV)/installed  ## The documentation, with its notebooks executed, in docs/_build/html
	$(ONE_THREAD) $(BIN)/python -m sphinx -q -W --keep-going -d docs/_build/doctrees docs docs/_build/html

lint: $(VENV)/installed
	$(BIN)/ruff check src tests benchmarks examples docs
	$(BIN)/ruff format --check src tests benchmarks examples docs
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed
	$(BIN)/ruff check --fix src tests benchmarks examples docs
	$(BIN)/ruff format src tests benchmarks examples docs

bench: $(VENV)/installed  ## Times as ratios: to the floor, and to what one would write instead
	$(BIN)/python -m benchmarks

calibration: $(VENV)/installed  ## False-positive rates and coverage of the audit over simulated designs, into docs/
	$(ONE_THREAD) $(BIN)/python -m benchmarks.calibration
