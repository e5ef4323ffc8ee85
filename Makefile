# The commands that people and CI run alike; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
DATA ?=
SEED ?= 7
ROUNDS ?= 1
FAULTS ?=
ROWS ?=
ARGS ?=
# Each has servers of its own, about 1.2 GB; most of their time is waiting.
WORKERS ?= 3

.PHONY: help demo test test-browser lint format docs bench bench-pages bench-viewers chaos chaos-recovery clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/.local: pyproject.toml requirements.txt requirements-local.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...") if not (3, 11) <= sys.version_info[:2] <= (3, 13) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-local.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

.venv/.dev: .venv/.local requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

demo: .venv/.local ## Real servers, the sample (or DATA=path) streamed, the dashboard opened; Ctrl-C stops it
	$(BIN)/retail local up $(if $(DATA),--data "$(DATA)")

test: .venv/.dev ## Every test, on real ZooKeeper, Kafka and mongod; coverage of src/ is enforced
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --cov --cov-report=term

test-browser: .venv/.dev ## The dashboard in a real browser (chromium must be installed)
	$(BIN)/python -m pytest tests/browser

lint: .venv/.dev ## black, isort, flake8, mypy --strict, shellcheck
	$(BIN)/black --check --quiet src tests bench chaos scripts
	$(BIN)/isort --check --quiet src tests bench chaos scripts
	$(BIN)/flake8 src tests bench chaos scripts
	$(BIN)/mypy
	git ls-files -z '*.sh' .ci/run | xargs -0 -r $(BIN)/shellcheck

format: .venv/.dev ## Format the code
	$(BIN)/isort --quiet src tests bench chaos scripts
	$(BIN)/black --quiet src tests bench chaos scripts

docs: .venv/.local ## Write what in docs/ follows from the code: commands, the contract's table
	$(BIN)/python scripts/make_docs.py

bench: .venv/.local ## Rows/s, CPU per row and memory on real servers, beside bare loops (DATA=path)
	$(BIN)/python -m bench.run $(if $(DATA),--data "$(DATA)")

bench-pages: .venv/.dev ## Seconds that viewers of each page wait, in a real browser (DATA=path TIMES=1)
	$(BIN)/python -m bench.pages --data "$(DATA)" $(if $(TIMES),--times $(TIMES)) $(ARGS)

bench-viewers: .venv/.dev ## What viewers cost, and how long they wait, while rows are stored (DATA=path VIEWERS=10)
	$(BIN)/python -m bench.watched --data "$(DATA)" $(if $(VIEWERS),--viewers $(VIEWERS)) $(ARGS)

chaos: .venv/.local ## Faults at seeded moments; nothing may differ (SEED=7 ROUNDS=1 FAULTS=kill,cut ROWS=n DATA=path)
	$(BIN)/python -m chaos.run --seed $(SEED) --rounds $(ROUNDS) $(if $(FAULTS),--faults $(FAULTS)) $(if $(ROWS),--rows $(ROWS)) $(if $(DATA),--data "$(DATA)") $(ARGS)

chaos-recovery: .venv/.local ## Seconds from a killed part's return to the next stored row
	$(BIN)/python -m chaos.recovery $(ARGS)

clean: ## Remove the environment and what tools leave behind (not the local stack's data)
	rm -rf .venv .mypy_cache .pytest_cache .coverage* htmlcov build dist src/*.egg-info
