# Each target sets up what it needs: .venv/.demo, .dev and .bench are made once, and again only when
# pyproject.toml or constraints.txt change. Nothing but that set-up uses the network.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: demo test check fix bench help clean

ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c '$(ENOUGH)' 2>/dev/null && echo $$python && break; done)
BIN = .venv/bin
BENCHMARKS = $(if $(NAME),benchmarks/$(NAME).py,$(sort $(wildcard benchmarks/*.py)))

demo: .venv/.demo ## Forecast the interests of 2,469 real households and open the way to the report
	@$(BIN)/penchant demo

test: check ## Every check: lint, format, types, layers and tests
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile

check: .venv/.dev ## The static checks only: lint, format, types and layers
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fix: .venv/.dev ## Mend what can be mended: lint and format
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

bench: .venv/.bench ## Run every benchmark, or one: make bench NAME=interest
	@set -e; for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python $$script; done

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 10

clean: ## Remove the environment, caches and builds
	rm -rf .venv build dist .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.demo .venv/.dev .venv/.bench: .venv/.%: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) -c '$(ENOUGH)' || { \
		echo "penchant needs Python 3.11 or newer; found: $(or $(PYTHON),none)."; \
		echo "Install one, then name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; } >&2
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$*]"
	@touch $@
