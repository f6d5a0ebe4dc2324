"""What pytest leaves out where an extra is missing."""

from importlib.util import find_spec

NEED_VLLM = ("keeper", "line", "queue", "scheduler", "steplog")
NEED_TORCH = ("src/evenly/hosts/torch/*/[a-z]*.py", "tests/hosts/torch/killed.py", "tests/hosts/torch/training.py")

collect_ignore = [] if find_spec("vllm") else [f"src/evenly/hosts/vllm/{name}.py" for name in NEED_VLLM]
collect_ignore_glob = [] if find_spec("torch") else list(NEED_TORCH)
