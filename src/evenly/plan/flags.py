"""Launch commands of a plan for real engines."""

import json
from dataclasses import dataclass

from evenly.hardware.model import Model, model
from evenly.plan.candidate import Candidate, Part

VLLM, SGLANG, DYNAMO = "0.32", "0.5", "1.2"  # the releases whose flags these are
PORT = 8000  # of the first engine where several run on one machine
SIDE = 5600  # of the first engine's side channel, by which keys and values are asked for
ROLES = {"prompts": "kv_producer", "decodes": "kv_consumer"}  # of vLLM's connector, by the name of a part
MODES = {"prompts": "prefill", "decodes": "decode"}


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


def launches(candidate: Candidate) -> list[Launch]:
    """Return the commands for vLLM, SGLang and Dynamo; no lines where an engine cannot cut a model so."""
    return [vllm(candidate), sglang(candidate), dynamo(candidate)]


# ---- vLLM ----------------------------------------------------------------------------------------------------------


def vllm(candidate: Candidate) -> Launch:
    """Return the commands for vLLM: one server a copy of the model."""
    if why := _unable(candidate, "vLLM") or _untransferred(candidate):
        return Launch("vLLM", VLLM, (), why)
    lines: list[str] = []
    for part in candidate.parts:
        for _ in range(part.layout.replicas):
            words = " ".join(_quoted(word) for word in vllm_flags(candidate, part))
            before = "".join(f"{name}={value} " for name, value in vllm_settings(part, len(lines)).items())
            lines.append(f"{before}vllm serve $MODEL {words} --port {PORT + len(lines)}")
    note = _note(candidate)
    if len(candidate.parts) > 1:
        note = f"{note}; put a proxy in front that sends a request to both sides, as vLLM's documentation of NIXL shows"
    return Launch("vLLM", VLLM, tuple(lines), note)


def vllm_flags(candidate: Candidate, part: Part) -> list[str]:
    """Return the flags of one copy of the model for vLLM.

    The engines of one copy share experts if `attention` is above 1: each has its own requests and part of the devices.
    """
    layout = part.layout
    words = ["--tensor-parallel-size", str(layout.tensor // layout.attention)]
    if layout.stages > 1:
        words += ["--pipeline-parallel-size", str(layout.stages)]
    if layout.attention > 1:
        words += ["--data-parallel-size", str(layout.attention)]
    if layout.experts == "expert":
        words += ["--enable-expert-parallel"]
    words += ["--max-num-seqs", str(candidate.seats), "--max-num-batched-tokens", str(candidate.budget)]
    words += ["--gpu-memory-utilization", f"{candidate.scenario.utilisation:g}"]
    words += ["--max-model-len", str(candidate.longest)]
    if part.name in ROLES:
        words += ["--kv-transfer-config", json.dumps({"kv_connector": "NixlConnector", "kv_role": ROLES[part.name]})]
    return words


def vllm_settings(part: Part, number: int) -> dict[str, str]:
    """Return what vLLM reads from the environment for a part's engine, the one of that number on its machine."""
    found = {}
    if part.layout.layers:
        found["VLLM_PP_LAYER_PARTITION"] = ",".join(map(str, part.layout.layers))
    if part.name in ROLES:
        found["VLLM_NIXL_SIDE_CHANNEL_PORT"] = str(SIDE + number)
    return found


def _untransferred(candidate: Candidate) -> str:
    stages = [part.layout.stages for part in candidate.parts if part.name == "decodes"]
    return "vLLM's NixlConnector does not take keys and values into a pipeline" if max(stages, default=1) > 1 else ""


# ---- SGLang --------------------------------------------------------------------------------------------------------


def sglang(candidate: Candidate) -> Launch:
    """Return the commands for SGLang: one server a copy of the model."""
    if why := _unable(candidate, "SGLang"):
        return Launch("SGLang", SGLANG, (), why)
    if any(part.layout.layers for part in candidate.parts):
        return Launch("SGLang", SGLANG, (), "no flag of SGLang says how many layers a stage has")
    lines: list[str] = []
    for part in candidate.parts:
        for _ in range(part.layout.replicas):
            words = " ".join(_sglang_flags(candidate, part))
            start = f"python -m sglang.launch_server --model-path $MODEL {words}"
            lines.append(f"{start} --port {PORT + len(lines)}")
    note = _note(candidate)
    if len(candidate.parts) > 1:
        note = f"{note}; put SGLang's router in front, with --pd-disaggregation and the addresses of both sides"
    return Launch("SGLang", SGLANG, tuple(lines), note)


def _sglang_flags(candidate: Candidate, part: Part) -> list[str]:
    layout = part.layout
    words = ["--tp-size", str(layout.tensor)]
    if layout.stages > 1:
        words += ["--pp-size", str(layout.stages)]
    if layout.attention > 1:
        words += ["--dp-size", str(layout.attention), "--enable-dp-attention"]
    if layout.experts == "expert":
        words += ["--ep-size", str(layout.tensor)]
    words += ["--max-running-requests", str(candidate.seats * layout.attention)]
    words += ["--chunked-prefill-size", str(candidate.budget * layout.attention)]
    words += ["--mem-fraction-static", f"{candidate.scenario.utilisation:g}"]
    words += ["--context-length", str(candidate.longest)]
    if part.name in MODES:
        words += ["--disaggregation-mode", MODES[part.name], "--disaggregation-transfer-backend", "nixl"]
    return words


# ---- Dynamo --------------------------------------------------------------------------------------------------------


def dynamo(candidate: Candidate) -> Launch:
    """Return the commands for Dynamo: a front end that deals requests in turn, and one vLLM worker a copy."""
    if why := _unable(candidate, "Dynamo's vLLM") or _untransferred(candidate):
        return Launch("Dynamo", DYNAMO, (), why)
    lines = [f"python -m dynamo.frontend --router-mode round-robin --http-port {PORT}"]
    for part in candidate.parts:
        for _ in range(part.layout.replicas):
            words = " ".join(_quoted(word) for word in vllm_flags(candidate, part))
            before = "".join(f"{name}={value} " for name, value in vllm_settings(part, len(lines) - 1).items())
            role = f" --disaggregation-mode {MODES[part.name]}" if part.name in MODES else ""
            lines.append(f"{before}python -m dynamo.vllm --model $MODEL {words}{role}")
    workers = len(lines) - 1
    note = f"start {workers} workers, each on its own devices" if workers > 1 else ""
    return Launch("Dynamo", DYNAMO, tuple(lines), note)


# ---- All of them ---------------------------------------------------------------------------------------------------


def _unable(candidate: Candidate, engine: str) -> str:
    """Return why an engine cannot cut a model like this; empty if it can."""
    architecture: Model = model(candidate.scenario.model)
    for layout in (part.layout for part in candidate.parts):
        if layout.network > 1:
            return f"{engine} does not copy the feed-forward network beside one attention"
        if layout.attention > 1 and not architecture.experts:
            return f"{engine} copies the attention of models with experts only"
        if layout.attention > 1 and layout.stages > 1:
            return f"{engine} does not copy the attention inside a pipeline"
    return ""


def _note(candidate: Candidate) -> str:
    notes = []
    if sum(part.layout.replicas for part in candidate.parts) > 1:
        notes.append("give each server its own devices (CUDA_VISIBLE_DEVICES) and deal requests to them in turn")
    if candidate.scenario.beside:
        shares = [f"{pool.share:.0%} to {pool.device}" for pool in candidate.scenario.beside]
        notes.append(f"deal {' and '.join(shares)}, the rest to {candidate.scenario.device}")
    for part in candidate.parts:
        copy = part.layout.stages * part.layout.tensor
        if copy > part.node:
            notes.append(f"a copy spans {-(-copy // part.node)} machines")
    if candidate.scenario.clock < 1:
        notes.append(f"lock the clocks at {candidate.scenario.clock:.0%} of the highest (nvidia-smi -lgc)")
    return "; ".join(notes)


def _quoted(word: str) -> str:
    """Return a word as a shell takes it."""
    return f"'{word}'" if word.startswith("{") else word
