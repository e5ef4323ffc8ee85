# The commands that people and CI run alike; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Settings of the user's shell that would change Python's modules, installations or the shell's start.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONDONTWRITEBYTECODE PIP_USER PIP_TARGET PIP_PREFIX BASH_ENV CDPATH

PYTHON ?= python3
BIN := .venv/bin
DATA ?=
SEED ?= 7
ROUNDS ?= 1
FAULTS ?=
ROWS ?=
ARGS ?=
CODE := src tests bench chaos scripts monitor.py
# Each worker has its own servers and needs about 1.2 GB; workers wait most of the time.
WORKERS ?= 3

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# pip writes the checkout's path into the environment in the locale's encoding.
UTF8 := LC_ALL=$(if $(filter Darwin,$(shell uname)),en_US.UTF-8,C.UTF-8)

# The stamps .venv/.local and .venv/.dev record what was installed, not whether it still runs.
ifneq ($(wildcard .venv/.local),)
$(shell $(BIN)/python -I scripts/check_venv.py >/dev/null 2>&1 || rm -f .venv/.local .venv/.dev)
endif

.PHONY: help demo test test-browser test-alerts test-grafana lint format lock docs bench bench-pages bench-viewers chaos chaos-recovery chaos-monitor chaos-health chaos-compose clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/.local: pyproject.toml requirements.txt requirements-local.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...") if not (3, 11) <= sys.version_info[:2] <= (3, 13) else None'
	@# Without its stamp the environment is incomplete or damaged, and is created again.
	if [[ -e $@ ]]; then $(PYTHON) -m venv .venv; else $(PYTHON) -m venv --clear .venv; fi
	rm -f .venv/.local .venv/.dev
	$(PIP_INSTALL) -r requirements-local.txt
	$(UTF8) $(PIP_INSTALL) --no-deps -e .
	@# A relative path has only ASCII letters: Python reads it in the locale's encoding.
	for path in .venv/lib/python*/site-packages/__editable__.retail_pipeline-*.pth; do echo ../../../../src >"$$path"; done
	touch $@

.venv/.dev: .venv/.local requirements-dev.txt
	rm -f .venv/.local .venv/.dev
	$(PIP_INSTALL) -r requirements-dev.txt
	touch .venv/.local
	touch $@

demo: .venv/.local ## Start real servers, stream the sample (or DATA=path), open the dashboard; Ctrl-C stops it (ARGS=--yes)
	$(BIN)/retail local up $(if $(DATA),--data "$(DATA)") $(ARGS)

test: .venv/.dev ## Run every test on real ZooKeeper, Kafka and mongod; enforce the coverage of src/
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term

test-browser: .venv/.dev ## Test the dashboard in a real browser (chromium must be installed)
	$(BIN)/python -m pytest tests/browser

test-alerts: .venv/.dev ## Test the alerts' rules and routes (Debian's packages prometheus and prometheus-alertmanager)
	$(BIN)/python -m pytest tests/alerts

test-grafana: ## Check the dashboards' JSON against Grafana's own types (npm must be installed)
	cd monitoring/grafana/check && npm ci --silent --no-audit --no-fund && npm test --silent

lint: .venv/.dev ## Run black, isort, flake8, mypy --strict, import-linter, shellcheck
	$(BIN)/black --check --quiet $(CODE)
	$(BIN)/isort --check --quiet $(CODE)
	$(BIN)/flake8 $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	git ls-files -z '*.sh' .ci/run | xargs -0 -r $(BIN)/shellcheck

format: .venv/.dev ## Format the code
	$(BIN)/isort --quiet $(CODE)
	$(BIN)/black --quiet $(CODE)

lock: .venv/.dev ## Pin every dependency, from requirements*.in (ARGS=--upgrade: the newest versions)
	for part in requirements requirements-local requirements-dev; do \
	  $(BIN)/uv pip compile --quiet --universal --no-annotate --python-version 3.11 $(ARGS) $$part.in -o $$part.txt; \
	done

docs: .venv/.local ## Write the parts of docs/ that follow from the code: commands, metrics, the contract's table
	$(BIN)/python scripts/make_docs.py

bench: .venv/.local ## Measure rows/s, CPU per row and memory, compared with bare loops (DATA=path)
	$(BIN)/python -m bench.run $(if $(DATA),--data "$(DATA)")

bench-pages: .venv/.dev ## Measure how long viewers of each page wait, in a real browser (DATA=path TIMES=1)
	$(BIN)/python -m bench.pages --data "$(DATA)" $(if $(TIMES),--times $(TIMES)) $(ARGS)

bench-viewers: .venv/.dev ## Measure what viewers cost and how long they wait, while rows are stored (DATA=path VIEWERS=10)
	$(BIN)/python -m bench.watched --data "$(DATA)" $(if $(VIEWERS),--viewers $(VIEWERS)) $(ARGS)

chaos: .venv/.local ## Inject seeded faults; the result must be identical (SEED=7 ROUNDS=1 FAULTS=kill,cut ROWS=n DATA=path)
	$(BIN)/python -m chaos.run --seed $(SEED) --rounds $(ROUNDS) $(if $(FAULTS),--faults $(FAULTS)) $(if $(ROWS),--rows $(ROWS)) $(if $(DATA),--data "$(DATA)") $(ARGS)

chaos-recovery: .venv/.local ## Measure the time from a killed part's return to the next stored row
	$(BIN)/python -m chaos.recovery $(ARGS)

chaos-health: .venv/.local ## Make faults; each must be seen by the health check, and repaired as it says (FAULTS=kafka-killed ARGS=--alerts)
	$(BIN)/python -m chaos.health $(if $(FAULTS),--faults $(FAULTS)) $(ARGS)

chaos-compose: .venv/.local ## Make faults in the Compose stack that runs here; its health check must see and repair them (FAULTS=kafka-paused)
	$(BIN)/python -m chaos.health_compose $(if $(FAULTS),--faults $(FAULTS)) $(ARGS)

chaos-monitor: .venv/.local ## Compare what `retail monitor` says with the truth (ARGS='states | watch | backlog | agree FILE')
	$(BIN)/python -m chaos.monitor $(ARGS)

clean: ## Remove the environment and the tools' caches (not the local stack's data)
	rm -rf .venv .mypy_cache .import_linter_cache .pytest_cache .coverage* htmlcov build dist src/*.egg-info
