# Targets: venv demo test thorough vllm test-vllm lint docs bench clean. Needs Python 3.11 or newer and make; the rest comes from PyPI into .venv.
VENV ?= .venv
BIN := $(VENV)/bin
BASE := $(VENV)/base.stamp
DEV := $(VENV)/dev.stamp
# vLLM pins numba and torch, so it has an environment of its own; here its CPU build.
VLLM ?= .venv-vllm
VLLM_ENV := $(VLLM)/env.stamp

.PHONY: venv demo test thorough vllm test-vllm lint docs bench chromium clean

venv: $(BASE)

$(BASE): pyproject.toml tools/venv.sh
	./tools/venv.sh $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(DEV): $(BASE)
	$(BIN)/python -m pip install --quiet --group test --group lint --group docs --editable '.[dask,optuna,replay,silicon,spark]'
	@touch $@

demo: $(BASE)
	$(BIN)/evenly compare

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(DEV)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The pages are also looked at in headless Chromium; without it those tests skip and say so.
chromium:
	@./tools/chromium.sh

test: lint docs chromium
	EVENLY_SITE=site $(BIN)/pytest -n 2 --durations 20

# What the other tests sample, at length: all seeds of every published figure, thousands of random workloads and files.
thorough: $(DEV)
	$(BIN)/pytest -n 2 -m thorough --durations 20

$(VLLM_ENV): pyproject.toml tools/venv.sh tools/vllm_env.py
	./tools/venv.sh $(VLLM)
	$(VLLM)/bin/python -m tools.vllm_env $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --group test --editable '.[replay]'
	@touch $@

vllm: $(VLLM_ENV)

# In a real vLLM, whose environment also has torch; where its CPU build does not exist these tests are skipped, loudly.
test-vllm:
	@./tools/test_vllm.sh

bench: $(DEV)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(VLLM) site
