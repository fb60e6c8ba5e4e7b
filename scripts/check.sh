#!/usr/bin/env bash
# Everything the continuous checks run: style, types, tests, and the wheel on its own.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

echo "check: style"
"$venv/bin/ruff" check src tests
"$venv/bin/ruff" format --check --quiet src tests

echo "check: types"
"$venv/bin/mypy"

echo "check: the wheel, without the tools of development, from another folder"
"$venv/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
    --wheel-dir "$scratch" .
VENV="$scratch/venv" scripts/setup.sh --runtime --without-project
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$scratch"/*.whl
engine="$scratch/venv/bin/compliance-engine"
(cd "$scratch" && "$engine" rules check && "$engine" calendars check)
(cd "$scratch" && "$engine" preview --state us --event consent_to_evaluate_received=2026-03-02,purpose=initial \
    --as-of 2026-03-02 --format json >preview.json)

echo "check: tests"
exec make --no-print-directory VENV="$venv" test
