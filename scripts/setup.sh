#!/usr/bin/env bash
# Makes the virtual environment with the pinned requirements and the project in it.
#
#   scripts/setup.sh [--runtime] [--without-project]
#
# PYTHON   the interpreter to use (default: the first of python3, python3.13, python3.12, python3.11 that fits)
# VENV     where to put the environment (default: .venv)
#
# Does nothing, quickly, when nothing has changed since the last time.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
with_dev=yes
with_project=yes
for argument in "$@"; do
    case $argument in
        --runtime) with_dev=no ;;
        --without-project) with_project=no ;;
        *) echo "setup: unknown argument $argument" >&2; exit 2 ;;
    esac
done

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        if ! command -v "$PYTHON" >/dev/null; then
            echo "setup: PYTHON=$PYTHON is not a command" >&2
            exit 2
        fi
        command -v "$PYTHON"
        return
    fi
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && fits "$name"; then
            command -v "$name"
            return
        fi
    done
    command -v python3 || true
}

# Prints one line for each thing that is missing.
check_python() {
    if [ -z "$python" ]; then
        echo "Python 3.11 or later is missing (Debian package: python3)"
    elif ! fits "$python"; then
        echo "Python 3.11 or later is needed, $python is $("$python" -V 2>&1 | cut -d' ' -f2) (choose another with PYTHON=...)"
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "Python's venv and ensurepip are missing (Debian package: python3-venv)"
    fi
}

# durable-rules exists as source only and is compiled here.
check_compiler() {
    local compiler include
    compiler=${CC:-gcc}
    compiler=${compiler%% *}
    if ! command -v "$compiler" >/dev/null; then
        echo "the C compiler $compiler is missing (Debian package: gcc)"
    fi
    include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))' 2>/dev/null) || return 0
    if [ ! -f "$include/Python.h" ]; then
        echo "Python's C headers are missing: no Python.h in $include (Debian package: python3-dev)"
    elif command -v "$compiler" >/dev/null && ! compiles "$compiler" "$include"; then
        echo "$compiler cannot compile against Python's headers (Debian package: libc6-dev)"
    fi
}

compiles() { echo '#include <Python.h>' | "$1" -I"$2" -fsyntax-only -x c - 2>/dev/null; }

pip_install() {
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-input "$@"
}

identify='import sys; print(*sys.version_info[:3], sys.base_prefix)'
python=$(find_python)
version=$("$python" -c "$identify" 2>/dev/null || true)
inputs=$(cat requirements/*.txt pyproject.toml scripts/setup.sh src/compliance_engine/__init__.py | sha256sum)
stamp="$version $with_dev $with_project $PWD $inputs"
if [ "$(cat "$venv/.setup-stamp" 2>/dev/null)" = "$stamp" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

missing=$(check_python)
if ! "$venv/bin/python" -c 'import durable_rules_engine' 2>/dev/null; then
    missing=$(printf '%s\n%s' "$missing" "$(check_compiler)")
fi
missing=$(echo "$missing" | sed '/^$/d')
if [ -n "$missing" ]; then
    echo "setup: this machine lacks something:" >&2
    echo "$missing" | sed 's/^/  - /' >&2
    exit 2
fi

echo "setup: Python $("$python" -V | cut -d' ' -f2), requirements into $venv" >&2
made_with=$("$venv/bin/python" -c "$identify" 2>/dev/null || true)
rm -f "$venv/.setup-stamp"
if [ "$made_with" != "$version" ]; then
    "$python" -m venv --clear "$venv"
fi
pip_install --require-hashes -r requirements/build.txt
# Python 3.13 dropped a name that durable-rules uses; the one it stands for is still there.
if "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then
    export CPPFLAGS="${CPPFLAGS:-} -DPyEval_CallObject=PyObject_CallObject"
fi
requirements=(-r requirements/runtime.txt)
if [ $with_dev = yes ]; then
    requirements+=(-r requirements/dev.txt)
fi
pip_install --require-hashes --no-build-isolation "${requirements[@]}"
if [ $with_project = yes ]; then
    pip_install --no-deps --no-build-isolation --editable .
fi
echo "$stamp" > "$venv/.setup-stamp"
