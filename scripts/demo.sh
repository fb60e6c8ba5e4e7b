#!/usr/bin/env bash
# From case histories to a report: generates a synthetic district, imports it into SQLite, sweeps, previews one
# referral and writes the HTML report. Everything lands in demo/.
set -euo pipefail
cd "$(dirname "$0")/.."
engine=${VENV:-.venv}/bin/compliance-engine
rm -rf demo
mkdir demo
as_of=2026-03-02

echo "1. A synthetic district of 500 children, always the same"
"$engine" generate demo/input --state us --district us.example_county --calendar us.example_county \
    --cases 500 --seed 1 --until "$as_of"

echo
echo "2. Import into SQLite, and sweep as of $as_of"
"$engine" import demo/input --store demo/cases.db
"$engine" sweep --store demo/cases.db --as-of "$as_of"

echo
echo "3. What follows if consent is stamped on $as_of"
"$engine" preview --state us --calendar us.example_county --as-of "$as_of" \
    --event "consent_to_evaluate_received=$as_of,purpose=initial"

echo
echo "4. The report"
"$engine" report violations --store demo/cases.db --format html --output demo/violations.html
echo "Open demo/violations.html"
