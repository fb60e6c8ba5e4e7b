# make demo    set up, then go once from case histories to a report
# make test    set up, then run all tests
# make check   everything the continuous checks run
# make bench   measure the speed of evaluation
# PYTHON=...   chooses the interpreter for the first set-up, VENV=... where the environment is

VENV ?= .venv
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PYTEST_ARGS ?=
export VENV
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench requirements clean

help:
	@sed -n 's/^# //p' Makefile

setup:
	@scripts/setup.sh

demo: setup
	@scripts/demo.sh

test: setup
	@$(VENV)/bin/python -m pytest -n $(JOBS) --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

check: setup
	@scripts/check.sh

bench: setup
	@$(VENV)/bin/python benchmarks/run.py

# Pins the newest versions that fit; needs pip-tools in the environment.
requirements: setup
	@scripts/pin.sh

clean:
	rm -rf $(VENV) build dist demo .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
