# Every target sets itself up: Python 3.11 or newer, pip and make are all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 4
MINUTES := 17

# Compiled once, not at every start: without it the first paint costs twice as much.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test together lint bench screenshots lock clean

demo: $(VENV)/ready
	$(BIN)/enctop demo

# Tests mostly wait, so more run at once than there are cores, and lint beside them; what measures runs alone, after them.
test: $(VENV)/ready
	@echo "Lint and tests take about $(MINUTES) minutes on two cores."
	$(MAKE) --no-print-directory -j 2 lint together
	$(BIN)/python -m pytest -m "alone and not bench"

together: $(VENV)/ready
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not bench and not alone"

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/ready
	$(BIN)/python -m pytest -m bench -s

screenshots: $(VENV)/ready
	$(BIN)/python screenshots/make.py

# The lock: every version and hash that `make` installs; no registry is named in it.
lock: $(VENV)/ready
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	    --no-annotate --all-extras pyproject.toml -o requirements.lock

$(VENV)/ready: requirements.lock requirements-uv.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.lock
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

clean:
	rm -rf $(VENV)
