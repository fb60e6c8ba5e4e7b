#!/usr/bin/env bash
# From case histories to reports: a generated district and the public Ed-Fi sample. Everything lands in demo/.
set -euo pipefail
cd "$(dirname "$0")/.."
engine=${VENV:-.venv}/bin/compliance-engine
rm -rf demo
mkdir demo
as_of=2026-03-02

step() { printf '\n== %s\n\n' "$1"; }

step "A synthetic Texas district of 500 children, always the same"
"$engine" generate demo/district --state tx --district tx.example_isd --calendar tx.example_isd \
    --cases 500 --seed 1 --until "$as_of" --years 2
"$engine" import demo/district --store demo/district.db

step "Sweep of the district as of $as_of"
"$engine" sweep --store demo/district.db --as-of "$as_of"

step "A snow day is announced for $as_of: which dates move?"
cp -r calendars demo/calendars
sed -i 's/^unplanned:$/&\n  - {date: 2026-03-03, kind: weather, announced: 2026-03-02, name: "Ice"}/' \
    demo/calendars/tx/example_isd/2025-26.yaml
"$engine" sweep --store demo/district.db --as-of "$as_of" --calendars demo/calendars

step "The public Ed-Fi 5.2 sample (fictional students of Grand Bend), as of 2022-09-15"
"$engine" import fixtures/ed-fi-5.2-sample --format ed-fi --state tx --district tx.grand_bend_isd \
    --calendar us.grand_bend --store demo/ed-fi.db
"$engine" sweep --store demo/ed-fi.db --as-of 2022-09-15 >/dev/null

step "A consent form lies on the desk: what follows at Lubbock-Cooper if it is stamped 2026-03-23?"
"$engine" preview --state tx --calendar tx.lubbock_cooper_isd \
    --event consent_to_evaluate_received=2026-03-23,purpose=initial --as-of 2026-03-23 --no-follow

step "The generated district"
"$engine" report violations --store demo/district.db --format text
step "The Ed-Fi sample"
"$engine" report violations --store demo/ed-fi.db --format text

step "Reports to open and to print"
"$engine" report violations --store demo/district.db --title "Example ISD: violations" --output demo/district.html
"$engine" report violations --store demo/ed-fi.db --title "Ed-Fi sample: violations" --output demo/ed-fi.html
echo
echo "Open $PWD/demo/district.html"
