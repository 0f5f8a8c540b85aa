# Everything a developer does. `make run` and `make test` set up what they need; a second time that costs a second.
SHELL := /bin/bash
BIN := .venv/bin
PYTHON ?= python3.11
WORKSPACE ?= examples/acme
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup run test check fix bench bench-peers bench-ingest lock migration

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup:  ## make this machine ready: .venv, Kafka's jars, Debian's packages when root
	@scripts/setup.sh

run: setup  ## start the whole system with the sample company; no other server is needed
	@exec $(BIN)/successplays up --workspace $(WORKSPACE) --sample

test:  ## set up and run every test, the ones on real Kafka and PostgreSQL included
	@scripts/setup.sh --complete
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest

check: lint  ## what a developer checks before a commit, in about a minute: ruff, mypy, the quick tests on SQLite
	@$(BIN)/python -m pytest -m "not slow" -k "not postgresql" --quiet

.PHONY: lint
lint:
	@echo "ruff" && $(BIN)/ruff check && $(BIN)/ruff format --check --quiet
	@echo "mypy" && $(BIN)/mypy --strict

fix:  ## let ruff put in order what it can
	@$(BIN)/ruff check --fix && $(BIN)/ruff format

bench:  ## measure; prints a table and writes benchmarks/results/
	@scripts/setup.sh --complete
	@$(BIN)/python -m benchmarks

bench-peers:  ## measure beside bytewax, quixstreams and faust, installed into .build/peers
	@scripts/setup.sh --complete
	@benchmarks/peers/setup.sh
	@$(BIN)/python -m benchmarks bytewax streams

bench-ingest:  ## measure ingest beside the endpoint one would write first, with wrk on a core of its own
	@scripts/setup.sh --complete
	@benchmarks/install_wrk.sh
	@$(BIN)/python -m benchmarks ingest

migration:  ## write a migration for a change in shared/db/tables.py: make migration name="deliveries know their channel"
	@$(BIN)/python -m scripts.new_migration "$(name)"

lock:  ## pin the packages of pyproject.toml, with hashes
	@scripts/lock.sh
