# `make demo` shows Slipway at work; `make test` proves it. Both need Python 3.11 to 3.13 and nothing else of ours.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test coverage lint format lock
demo: .venv/ready
	@$(BIN)/python -m demo

test: .venv/ready lint
	@tests/run

coverage: .venv/ready
	@tests/coverage

lint: .venv/ready
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy portal environments releases sandbox kube_schema common
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive portal environments releases sandbox kube_schema common demo scripts
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/djade --check $$(find templates -name '*.html')

format: .venv/ready
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(BIN)/djade $$(find templates -name '*.html')

lock:
	uv pip compile pyproject.toml --all-extras --generate-hashes --universal --python-version 3.11 --no-header --no-annotate -o requirements.lock

.venv/ready: requirements.lock
	@echo "Setting up .venv (once; a minute or two)"
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Slipway needs Python 3.11 to 3.13; {sys.executable} is {v[0]}.{v[1]}. Try: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch .venv/ready
