# Two commands: `make demo` sets up and runs the main job, `make test` sets up and runs the tests.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
READY := .venv/ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check lock clean

demo: $(READY)  ## set up and write a library for the benchmark's 26 operators
	$(BIN)/hardwon improve --out runs/demo --resume

test: check  ## set up, check style and types, and run the tests
	$(BIN)/python -m pytest -n auto

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Hardwon needs Python 3.11 or newer, and found none." \
		"Install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@echo "setting up .venv (PyTorch is a large download the first time)"
	$(PYTHON) -m venv .venv
	$(PIP) install -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

lock: $(READY)
	@{ sed -n '/^#/p' requirements.lock; $(BIN)/python -m pip freeze --exclude-editable \
		| sed -e 's/+cpu$$//' -e '/^-e/d' -e '/^#/d'; } > requirements.new
	@mv requirements.new requirements.lock

clean:
	rm -rf .venv runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
