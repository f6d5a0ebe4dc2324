#!/usr/bin/env bash
# Make a virtual environment with a recent pip; works where Debian's python3 comes without ensurepip.
set -euo pipefail
venv=$1

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

for python in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    if usable "$python"; then break; fi
    python=
done
if [[ -z $python ]]; then
    echo "evenly needs Python 3.11 or newer; none found. Install it, or name it: make venv PYTHON=/path/to/python" >&2
    exit 1
fi

# Three ways to get pip into the environment: ensurepip, the system's pip, Debian's package with ensurepip.
with_ensurepip() { "$python" -m venv --clear "$venv" >/dev/null 2>&1; }
with_system_pip() {
    "$python" -m venv --clear --without-pip "$venv" &&
        "$python" -m pip --python "$venv/bin/python" install --quiet pip 2>/dev/null
}
with_apt() {
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
    local package
    package="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y "$package") >/dev/null 2>&1 && with_ensurepip
}
if ! with_ensurepip && ! with_system_pip && ! with_apt; then
    echo "$python cannot make an environment with pip; on Debian: apt-get install python3-venv" >&2
    exit 1
fi

# Dependency groups need pip 25.1.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
