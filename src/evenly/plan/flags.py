"""Launch commands of a plan for real engines."""

from dataclasses import dataclass

from evenly.hardware.model import Model, model
from evenly.plan.candidate import Candidate
from evenly.plan.layout import Layout
from evenly.plan.scenario import PlanScenario

VLLM, SGLANG, DYNAMO = "0.32", "0.5", "1.2"  # the releases whose flags these are
PORT = 8000  # of the first engine where several run on one machine


@dataclass(frozen=True, slots=True)
class Launch:
    """How one engine starts a plan."""

    engine: str
    version: str
    "Release that the flags were written for."
    lines: tuple[str, ...]
    "Shell commands, one an engine, with the weights in $MODEL; empty if the engine cannot run the plan."
    note: str = ""
    "What the commands leave to the user, or why there are none."


def launches(candidate: Candidate, base: PlanScenario) -> list[Launch]:
    """Return the commands for vLLM, SGLang and Dynamo; no lines where an engine cannot cut a model so."""
    return [vllm(candidate, base), sglang(candidate, base), dynamo(candidate, base)]


def vllm(candidate: Candidate, base: PlanScenario) -> Launch:
    """Return the commands for vLLM: one server a copy of the model."""
    why = _unable(candidate.layout, model(base.model), "vLLM")
    if why:
        return Launch("vLLM", VLLM, (), why)
    copies = candidate.layout.replicas
    words = " ".join(vllm_flags(candidate, base))
    lines = tuple(f"vllm serve $MODEL {words} --port {PORT + copy}" for copy in range(copies))
    return Launch("vLLM", VLLM, lines, _note(candidate, base))


def vllm_flags(candidate: Candidate, base: PlanScenario) -> list[str]:
    """Return the flags of one copy of the model for vLLM.

    The engines of one copy share experts if `attention` is above 1: each has its own requests and part of the devices.
    """
    layout = candidate.layout
    words = ["--tensor-parallel-size", str(layout.tensor // layout.attention)]
    if layout.stages > 1:
        words += ["--pipeline-parallel-size", str(layout.stages)]
    if layout.attention > 1:
        words += ["--data-parallel-size", str(layout.attention)]
    if layout.experts == "expert":
        words += ["--enable-expert-parallel"]
    words += ["--max-num-seqs", str(candidate.seats), "--max-num-batched-tokens", str(candidate.budget)]
    words += ["--gpu-memory-utilization", f"{base.utilisation:g}", "--max-model-len", str(candidate.longest)]
    return words


def sglang(candidate: Candidate, base: PlanScenario) -> Launch:
    """Return the commands for SGLang: one server a copy of the model."""
    layout = candidate.layout
    why = _unable(layout, model(base.model), "SGLang")
    if why:
        return Launch("SGLang", SGLANG, (), why)
    words = ["--tp-size", str(layout.tensor)]
    if layout.stages > 1:
        words += ["--pp-size", str(layout.stages)]
    if layout.attention > 1:
        words += ["--dp-size", str(layout.attention), "--enable-dp-attention"]
    if layout.experts == "expert":
        words += ["--ep-size", str(layout.tensor)]
    words += ["--max-running-requests", str(candidate.seats * layout.attention)]
    words += ["--chunked-prefill-size", str(candidate.budget * layout.attention)]
    words += ["--mem-fraction-static", f"{base.utilisation:g}", "--context-length", str(candidate.longest)]
    start = f"python -m sglang.launch_server --model-path $MODEL {' '.join(words)}"
    lines = tuple(f"{start} --port {PORT + copy}" for copy in range(layout.replicas))
    return Launch("SGLang", SGLANG, lines, _note(candidate, base))


def dynamo(candidate: Candidate, base: PlanScenario) -> Launch:
    """Return the commands for Dynamo: a front end that deals requests in turn, and one vLLM worker a copy."""
    why = _unable(candidate.layout, model(base.model), "Dynamo's vLLM")
    if why:
        return Launch("Dynamo", DYNAMO, (), why)
    words = " ".join(vllm_flags(candidate, base))
    worker = f"python -m dynamo.vllm --model $MODEL {words}"
    front = f"python -m dynamo.frontend --router-mode round-robin --http-port {PORT}"
    note = (
        f"start {candidate.layout.replicas} workers, each on its own devices" if candidate.layout.replicas > 1 else ""
    )
    return Launch("Dynamo", DYNAMO, (front, *[worker] * candidate.layout.replicas), note)


def _unable(layout: Layout, architecture: Model, engine: str) -> str:
    """Return why an engine cannot cut a model like this; empty if it can."""
    if layout.network > 1:
        return f"{engine} does not copy the feed-forward network beside one attention"
    if layout.attention > 1 and not architecture.experts:
        return f"{engine} copies the attention of models with experts only"
    if layout.attention > 1 and layout.stages > 1:
        return f"{engine} does not copy the attention inside a pipeline"
    return ""


def _note(candidate: Candidate, base: PlanScenario) -> str:
    notes = []
    if candidate.layout.replicas > 1:
        notes.append("give each server its own devices (CUDA_VISIBLE_DEVICES) and deal requests to them in turn")
    if candidate.layout.stages * candidate.layout.tensor > base.node:
        notes.append(f"a copy spans {-(-candidate.layout.stages * candidate.layout.tensor // base.node)} machines")
    if candidate.clock < 1:
        notes.append(f"lock the clocks at {candidate.clock:.0%} of the highest (nvidia-smi -lgc)")
    return "; ".join(notes)
