"""Launch commands of a plan for real engines."""

import json
from dataclasses import dataclass

from evenly.core.document import unstructure
from evenly.hardware.model import Model, model
from evenly.plan.candidate import Candidate, Part, words
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.routers.round_robin import RoundRobin

VLLM, SGLANG, DYNAMO = "0.32", "0.5", "1.2"  # the releases whose flags these are
PORT = 8000  # of the first engine where several run on one machine
SIDE = 5600  # of the first engine's side channel, by which keys and values are asked for
BOOTSTRAP = 8998  # of SGLang's first server of prompts, where those that decode look it up
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
            flags = " ".join(_quoted(word) for word in vllm_flags(candidate, part))
            before = "".join(f"{name}={value} " for name, value in vllm_settings(part, len(lines)).items())
            lines.append(f"{before}vllm serve $MODEL {flags} --port {PORT + len(lines)}")
    note = _note(candidate)
    if len(candidate.parts) > 1:
        note = f"{note}; put a proxy in front that sends a request to both sides, as vLLM's documentation of NIXL shows"
    return Launch("vLLM", VLLM, tuple(lines), note)


def vllm_flags(candidate: Candidate, part: Part) -> list[str]:
    """Return the flags of one copy of the model for vLLM.

    The engines of one copy share experts if `attention` is above 1: each has its own requests and part of the devices.
    """
    layout = part.layout
    found = ["--tensor-parallel-size", str(layout.tensor // layout.attention)]
    if layout.stages > 1:
        found += ["--pipeline-parallel-size", str(layout.stages)]
    if layout.attention > 1:
        found += ["--data-parallel-size", str(layout.attention)]
    if layout.experts == "expert":
        found += ["--enable-expert-parallel"]
    found += ["--max-num-seqs", str(candidate.seats), "--max-num-batched-tokens", str(candidate.budget)]
    found += ["--gpu-memory-utilization", f"{candidate.scenario.utilisation:g}"]
    found += ["--max-model-len", str(candidate.longest)]
    if part.name in ROLES:
        found += ["--kv-transfer-config", json.dumps({"kv_connector": "NixlConnector", "kv_role": ROLES[part.name]})]
    if not isinstance(candidate.scenario.order, FirstCome):
        order = json.dumps({"evenly": {"order": unstructure(candidate.scenario.order)}})
        found += ["--scheduler-cls", "evenly.hosts.vllm.Scheduler", "--additional-config", order]
    return found


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
    if not isinstance(candidate.scenario.order, FirstCome):
        return Launch("SGLang", SGLANG, (), f"SGLang has no order {words(candidate.scenario.order)}")
    lines: list[str] = []
    for part in candidate.parts:
        for _ in range(part.layout.replicas):
            start = f"python -m sglang.launch_server --model-path $MODEL {' '.join(_sglang_flags(candidate, part))}"
            asked = f" --disaggregation-bootstrap-port {BOOTSTRAP + len(lines)}" if part.name == "prompts" else ""
            lines.append(f"{start}{asked} --port {PORT + len(lines)}")
    note = _note(candidate)
    if len(candidate.parts) > 1:
        note = f"{note}; put SGLang's router in front, with --pd-disaggregation and the addresses of both sides"
    return Launch("SGLang", SGLANG, tuple(lines), note)


def _sglang_flags(candidate: Candidate, part: Part) -> list[str]:
    layout = part.layout
    found = ["--tp-size", str(layout.tensor)]
    if layout.stages > 1:
        found += ["--pp-size", str(layout.stages)]
    if layout.attention > 1:
        found += ["--dp-size", str(layout.attention), "--enable-dp-attention"]
    if layout.experts == "expert":
        found += ["--ep-size", str(layout.tensor)]
    found += ["--max-running-requests", str(candidate.seats * layout.attention)]
    found += ["--chunked-prefill-size", str(candidate.budget * layout.attention)]
    found += ["--mem-fraction-static", f"{candidate.scenario.utilisation:g}"]
    found += ["--context-length", str(candidate.longest)]
    if part.name in MODES:
        found += ["--disaggregation-mode", MODES[part.name], "--disaggregation-transfer-backend", "nixl"]
    return found


# ---- Dynamo --------------------------------------------------------------------------------------------------------


def dynamo(candidate: Candidate) -> Launch:
    """Return the commands for Dynamo: a front end that deals requests in turn, and one vLLM worker a copy."""
    if why := _unable(candidate, "Dynamo's vLLM") or _untransferred(candidate):
        return Launch("Dynamo", DYNAMO, (), why)
    if not isinstance(candidate.scenario.route, RoundRobin):
        return Launch("Dynamo", DYNAMO, (), f"this front end has no {words(candidate.scenario.route)}")
    lines = [f"python -m dynamo.frontend --router-mode round-robin --http-port {PORT}"]
    for part in candidate.parts:
        for _ in range(part.layout.replicas):
            flags = " ".join(_quoted(word) for word in vllm_flags(candidate, part))
            before = "".join(f"{name}={value} " for name, value in vllm_settings(part, len(lines) - 1).items())
            role = f" --disaggregation-mode {MODES[part.name]}" if part.name in MODES else ""
            lines.append(f"{before}python -m dynamo.vllm --model $MODEL {flags}{role}")
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
        way = "in turn" if isinstance(candidate.scenario.route, RoundRobin) else f"by {words(candidate.scenario.route)}"
        notes.append(f"give each server its own devices (CUDA_VISIBLE_DEVICES) and deal requests to them {way}")
    if candidate.scenario.dealt:
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
