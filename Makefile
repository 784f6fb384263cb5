# Hansa: `make run` starts a cluster, `make test` runs the tests. `make help` lists the rest.
#
# PYTHON=python3.12   the interpreter that .venv is made with (3.11 or newer; default: the first one found)
# HTTP=HOST:PORT      run: where clients reach it (default 127.0.0.1:11223); every other port is then a free one
# DIR=/some/dir       run: where it keeps everything (default var)
# PLUGIN=name         test: only this plugin's tests
# ARGS='-k words'     test, proofs, chaos, bench: further arguments for pytest or the benchmark
# JOBS=number         test: how many processes run tests at the same time (default: two for each core)
# SEED=number         proofs, chaos: repeats what chance decided in another run

SHELL := /bin/sh
bin := .venv/bin
export PYTHON

# else each process that a test starts would compile its sources anew
unexport PYTHONDONTWRITEBYTECODE
JOBS := $(shell expr 2 \* $$(nproc 2>/dev/null || echo 2))
slowest := --durations=10 --durations-min=1
sized := tests/cluster plugins/amqp/tests/test_cluster.py tests/containers/test_image.py

.DEFAULT_GOAL := help
.PHONY: help run install install-dev test proofs bench chaos lint format docs lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: install  ## Start a cluster in the foreground: two servers, load-balancer, the services of config.toml
	@exec $(bin)/hansa quickstart run "$(or $(DIR),var)" --http $(or $(HTTP),127.0.0.1:11223) --include config.toml

install:  ## Set up .venv with what a server needs
	@tools/install.sh run

install-dev:
	@tools/install.sh dev

test: install-dev  ## Run the tests, in parallel; installs what they need
	@tools/test-needs.sh
	@$(bin)/python -m pytest -m "not proof" -n $(JOBS) $(slowest) $(if $(PLUGIN),plugins/$(PLUGIN)) $(ARGS)

proofs: install-dev  ## Prove at a small size that nothing is lost under kills and outages
	@tools/test-needs.sh
	@HANSA_SEED=$(SEED) $(bin)/python -m pytest -m proof -n 3 $(slowest) $(ARGS)

bench: install-dev  ## Measure speed, start and memory; writes the tables of docs/performance.md
	@tools/test-needs.sh bench
	@$(bin)/python -m bench $(ARGS)

chaos: install-dev  ## Prove at full size that a cluster loses nothing (over an hour); adds to the table of docs/reliability.md
	@tools/test-needs.sh
	@HANSA_SIZE=full HANSA_SEED=$(SEED) HANSA_FIGURES=tests/cluster/figures.jsonl \
	    $(bin)/python -m pytest -m proof $(sized) --timeout 1200 -s $(ARGS); status=$$?; \
	    $(bin)/python -m tests.cluster.figures && exit $$status

lint: install-dev  ## Check style and types
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/python -m tools.typecheck
	@$(bin)/python -m tools.docs

format: install-dev  ## Put the source into shape
	@$(bin)/ruff check --fix --quiet . ; $(bin)/ruff format .

docs: install-dev  ## Write the reference pages and build the site into site/
	@$(bin)/python -m tools.reference
	@$(bin)/python -m tools.available
	@$(bin)/python -m tools.delivery
	@$(bin)/zensical build --clean

lock: install-dev  ## Pin the newest versions that the pyproject.toml files allow
	@$(bin)/python tools/lock.py

clean:  ## Remove .venv, caches and everything built; keeps var/
	@rm -rf .venv site dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
