# make setup    .venv with everything that the targets below need
# make demo     damage the bundled clip, repair it, write demo-output/
# make check    what CI runs: lint, types, tests
# make wheel    build the archives of a release, install the wheel in a clean environment and use it there
# make licences check the licences of what that environment holds
# make sbom     list it as dist/sbom.json (CycloneDX)
# make reproduce CLIPS=DIR SCALE=tiny|full
#               the poster's figures from a folder of clips; by default from the bundled one, at tiny scale
#
# PYTHON=python3.12 chooses the interpreter of .venv.
# TORCH_INDEX=URL is a further package index for torch: PyTorch's install page gives the address of the one with
# builds for the CPU alone, which spare several gigabytes on Linux.

PYTHON ?= python3
TORCH_INDEX ?=
CLIPS ?=
SCALE ?= tiny
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
BROWSER_TESTS = $(BIN)/python -m pytest -m browser -n 2 --dist load -o faulthandler_timeout=200 \
	$(shell grep -rl chromium tests --include='test_*.py')
BENCHMARKS := $(filter-out benchmarks/_%.py,$(wildcard benchmarks/*.py))

.PHONY: setup demo test lint type check docs bench reproduce wheel licences sbom clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ROVR needs Python 3.11 or newer, and '$(PYTHON)' is older: make setup PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[dev,vision]'
	@$(BIN)/python scripts/browser.py
	@touch $@

demo: setup
	$(BIN)/rovr demo

# Processes that tests start leave cores idle for moments, so three share two. Each reads all tests, which compiled ones make
# quick even where the environment keeps no compiled files.
# A browser is a large program that nothing here controls: its tests come after the others and alone, where it is ended
# whatever it does if it no longer answers, and what failed is tried once more.
test: export PYTHONDONTWRITEBYTECODE =
test: setup
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not browser"
	$(BROWSER_TESTS) || $(BROWSER_TESTS) --last-failed

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

type: setup
	$(BIN)/mypy

check: lint type test

docs: $(VENV)/.installed-docs
	$(BIN)/python scripts/results_page.py --check
	$(BIN)/python scripts/typed_figures.py
	$(BIN)/mkdocs build --strict

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) -e '.[docs]'
	@touch $@

bench: setup
	@test -n "$(BENCHMARKS)" || { echo "benchmarks/ holds no benchmark" >&2; exit 1; }
	for script in $(BENCHMARKS); do $(BIN)/python $$script || exit 1; done
	$(BIN)/python scripts/results_page.py

wheel: .wheel/.checked

.wheel/.checked: $(VENV)/.installed $(shell find src -type f -not -path '*/__pycache__/*') README.md LICENSE
	$(BIN)/python scripts/check_wheel.py --index '$(TORCH_INDEX)'
	@touch $@

licences: wheel
	$(BIN)/pip-licenses --python .wheel/bin/python --ignore-packages pip setuptools rovr

sbom: wheel
	$(BIN)/cyclonedx-py environment .wheel/bin/python --pyproject pyproject.toml --output-reproducible \
		--mc-type application --output-format JSON --output-file dist/sbom.json

# REPRODUCE holds further options, such as --device cuda.
reproduce: setup
	$(BIN)/python scripts/reproduce.py --scale $(SCALE) $(if $(CLIPS),--clips '$(CLIPS)') $(REPRODUCE)

clean:
	rm -rf demo-output site dist .wheel .pytest_cache .mypy_cache .ruff_cache .hypothesis
