#!/usr/bin/env bash
# Run the tests that need a real vLLM or torch, in the environment of vLLM; say so where there is no CPU build for this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ $(uname -s) != Linux || ! $(uname -m) =~ ^(x86_64|aarch64)$ ]]; then
    echo "================================================================================"
    echo "SKIPPED: vLLM's CPU build is made for Linux on x86_64 and aarch64, this is $(uname -sm)."
    echo "Nothing of tests/hosts/vllm was run: the adapter, its policies and the replay are NOT tested here,"
    echo "nor is what computes in torch (tests/hosts/test_experts.py, tests/hosts/torch)."
    echo "================================================================================"
    exit 0
fi
make --no-print-directory vllm
pytest="${VLLM:-.venv-vllm}/bin/pytest"
"$pytest" -n 2 -m "not thorough and not alone" --durations 10 tests/hosts/vllm tests/hosts/torch tests/hosts/test_experts.py
"$pytest" -n 0 -m alone --durations 10 tests/hosts/vllm
