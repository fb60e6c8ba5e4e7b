#!/usr/bin/env bash
# Pins the newest versions that fit requirements/*.in, with the hashes of all their files.
# Run it with the oldest supported Python, so that the pins hold for the later ones too.
set -euo pipefail
cd "$(dirname "$0")/../requirements"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"../${VENV:-.venv}/bin/python" -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check pip-tools
for name in build runtime dev; do
    "$tools/bin/python" -m piptools compile --quiet --upgrade --generate-hashes --allow-unsafe \
        --no-header --no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
        --output-file $name.txt $name.in
done
