# Everything that a person or CI does with this repository. `make help` prints the list.
# A machine needs Python 3.11 or later and make; every target installs what it needs into .venv.
PY ?= python3
JOBS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q
INPUTS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup fmt check test test-all doctest cover bench bench-peers docs demo wheel-demo constraints clean

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.docs-stamp  ## install everything for development into .venv

fmt: .venv/.dev-stamp  ## format the code and apply the safe corrections of ruff
	@$(BIN)/ruff check -q --fix .
	@$(BIN)/ruff format -q .

check: .venv/.dev-stamp  ## lint, formatting, types, import contracts, docstrings, spelling, sizes
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > .venv/lint-imports.log 2>&1 || { cat .venv/lint-imports.log; exit 1; }
	@find src/graven -name '*.py' -print0 | xargs -0 $(BIN)/numpydoc lint
	@git ls-files -z --cached --others --exclude-standard | xargs -0 $(BIN)/codespell --toml pyproject.toml
	@$(BIN)/python scripts/check_tree.py

test: .venv/.dev-stamp  ## run the tests that are not marked slow, and all doctests
	@$(PYTEST) -n $(JOBS) -m "not slow"

test-all: .venv/.dev-stamp  ## run every test
	@$(PYTEST) -n $(JOBS)

doctest: .venv/.dev-stamp  ## run the examples of the docstrings and of the documentation
	@$(PYTEST) -n $(JOBS) src/graven tests/docs

cover: .venv/.dev-stamp  ## run the tests with coverage; fails under 90 %
	@$(PYTEST) -n $(JOBS) -m "not slow" --cov --cov-report=term --cov-report=html --cov-fail-under=90

bench: .venv/.dev-stamp  ## measure graven beside its peers into docs/benchmarks: hours, with BENCH=--quick minutes
	@$(PYTEST) benchmarks/test_types.py --benchmark-enable --benchmark-only
	@$(BIN)/python -m benchmarks.run $(BENCH)

bench-peers: .venv/.dev-stamp  ## install what graven is measured beside (benchmarks/peers.txt)
	@$(PIP) install -c constraints.txt -r benchmarks/peers.txt

docs: .venv/.docs-stamp  ## build the documentation into docs/_build/html; a warning is an error
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

demo: .venv/.base-stamp  ## install the base (no PyTorch) and document three generated surfaces into graven-demo/
	@$(BIN)/graven demo

wheel-demo: .venv/.base-stamp  ## build the wheel and run the demo from it in an empty environment without PyTorch
	@BASE_PYTHON=$(BIN)/python bash scripts/wheel_demo.sh

constraints:  ## resolve the bounds of pyproject.toml anew and write constraints.txt
	@PY="$(PY)" bash scripts/constraints.sh

clean:  ## remove the environment and everything that was built
	@rm -rf .venv build dist docs/_build docs/reference/generated htmlcov .coverage graven-demo \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks

.venv/bin/python:
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "graven needs Python 3.11 or later; '$(PY)' is older or absent. Call: make PY=python3.12 …" >&2; exit 1; }
	@$(PY) -m venv .venv || { rm -rf .venv; exit 1; }

# The stamps say what .venv holds. They depend on the two files that decide it, so a changed bound installs again.
.venv/.base-stamp: $(INPUTS) | .venv/bin/python
	@echo "installing graven without PyTorch into .venv …"
	@$(PIP) install -c constraints.txt -e .
	@touch $@

.venv/.dev-stamp: .venv/.base-stamp
	@echo "installing what training and tests need into .venv (large: PyTorch) …"
	@$(PIP) install -c constraints.txt -e ".[all,dev]"
	@touch $@

.venv/.docs-stamp: .venv/.dev-stamp
	@$(PIP) install -c constraints.txt -e ".[all,dev,docs]"
	@touch $@
