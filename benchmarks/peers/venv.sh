#!/bin/sh
# Make the peer's own environment, beside evenly's: ./benchmarks/peers/venv.sh [FOLDER]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${1:-$here/../../.venv-peers}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
