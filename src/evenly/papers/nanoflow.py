"""NanoFlow: operations of nano-batches side by side, from the published kernel times of a layer."""

import time

import numpy as np

from evenly.core import Trace
from evenly.hardware.costs.nanoflow import Nanoflow
from evenly.hardware.overlap.check import check
from evenly.hardware.overlap.exact import MOST_ORDERED, brute, milp
from evenly.hardware.overlap.graph import Graph, graph, published, whole
from evenly.hardware.overlap.interference import EARLIER, PAPER, PROPORTIONAL
from evenly.hardware.overlap.profile import Profile, profile
from evenly.hardware.overlap.search import MOVES, Overlap, fitted, one
from evenly.hardware.overlap.timeline import utilisation
from evenly.hosts.decoder import Network, Shape
from evenly.hosts.nanobatches import measure
from evenly.papers.testbed import a100
from evenly.serve.engines.sarathi import Sarathi
from evenly.traces.lengths import Lengths
from evenly.traces.lengths.fixed import Fixed
from evenly.traces.lengths.quantiles import Quantiles

LAYERS, DEVICES, CONTEXT = 80, 8, 1024
RESTARTS = 6
SPLITTING = 0.132  # published loss of nano-batches without overlap, of the throughput of the batch in one piece
REQUESTS = 8000  # all there from the start, so that the device is full
STEADY = (0.25, 0.75)  # parts of the requests, in order of their end, between which throughput counts
WORKLOADS: dict[str, Lengths] = {
    "512_512": Fixed(512, 512),
    "1024_512": Fixed(1024, 512),
    "512_1024": Fixed(512, 1024),
    "splitwise": Quantiles(data="splitwise"),
    "lmsys": Quantiles(data="lmsys"),
    "sharegpt": Quantiles(data="sharegpt"),
}
# Published tokens a second and device of engines that are not modelled here: vLLM, FastGen, TensorRT-LLM.
OTHERS = {
    "512_512": (494, 490, 735),
    "1024_512": (552, 513, 817),
    "512_1024": (410, 372, 636),
    "splitwise": (484, 548, 831),
    "lmsys": (251, 293, 560),
    "sharegpt": (255, 335, 639),
}
DECODER = Shape(layers=3, width=256, heads=4, vocabulary=1000)


def seventy() -> Profile:
    """Return the operations of Llama 2 70B on eight A100."""
    return profile("llama-2-70b", "a100-80gb", DEVICES)


def rate(period: float, batch: int = 2048, layers: int = LAYERS, devices: int = DEVICES) -> float:
    """Return tokens a second and device of a period of a layer in seconds.

    >>> round(rate(2.488e-3))
    1286
    """
    return batch / (period * layers * devices)


def sums() -> dict[str, float]:
    """Return what follows from the published kernel times alone, in ms a layer and tokens a second and device."""
    of = graph(seventy(), published(seventy()), CONTEXT)
    unsplit = graph(seventy(), whole(seventy(), 2048, 1280), CONTEXT).sequential
    return {
        "sequential": of.sequential * 1e3,
        "bound": of.bound * 1e3,
        "sequential_rate": rate(of.sequential),
        "bound_rate": rate(of.bound),
        "unsplit": unsplit * 1e3,
    }


def stages(seed: int) -> dict[str, float]:
    """Return the periods that the search finds, best of six restarts, in ms; each schedule passes the checker."""
    seeds = range(RESTARTS * seed, RESTARTS * (seed + 1))
    measured = seventy()
    nano = graph(measured, published(measured), CONTEXT).sequential
    unsplit = (1.0 - SPLITTING) * nano
    figures: dict[str, float] = {}
    overlaps: tuple[Overlap, ...] = ("all", "network")
    for name, table in (("free", None), ("paper", PAPER), ("earlier", EARLIER), ("proportional", PROPORTIONAL)):
        for overlap in overlaps:
            found = fitted(measured, 2048, 1280, CONTEXT, table, overlap, LAYERS, seeds)
            check(found)
            key = f"{name}_{overlap}"
            figures |= {key: found.period * 1e3, f"{key}_rate": rate(found.period)}
            figures |= {f"{key}_gain": nano / found.period, f"{key}_over_unsplit": unsplit / found.period}
            figures[f"{key}_own_gain"] = found.graph.sequential / found.period
            figures[f"{key}_optimum"] = 100 * rate(found.period) / measured.optimum
            busy = zip(("compute", "memory", "network"), utilisation(found), strict=True)
            figures |= {f"{key}_{resource}": 100 * float(share) for resource, share in busy}
    return figures


def restarts(seed: int) -> dict[str, float]:
    """Return what one restart on the published ranges finds, in ms, and how many moves a second it tries."""
    of = graph(seventy(), published(seventy()), CONTEXT)
    one(of, None, "all", LAYERS, seed, 1)  # compiled from here on
    start = time.process_time()
    free = one(of, None, "all", LAYERS, seed)
    speed = MOVES / (time.process_time() - start)
    figures = {"free": free.period * 1e3, "moves": speed}
    for table in (PAPER, EARLIER):
        found = one(of, table, "all", LAYERS, seed)
        check(found)
        figures[table.name] = found.period * 1e3
    return figures


def small() -> dict[str, float]:
    """Return the exact optimum of a layer of Llama 3 8B in ms, and how far all orders differ from it on fewer parts."""
    measured = profile("llama-3-8b", "a100-80gb", 1)
    of = graph(measured, published(measured), CONTEXT)
    few = Graph(of.nanos[:MOST_ORDERED], tuple(edge for edge in of.edges if max(edge[:2]) < MOST_ORDERED))
    return {"layer": milp(of) * 1e3, "bound": of.bound * 1e3, "apart": abs(milp(few) - brute(few)) * 1e3}


def eight(seed: int) -> dict[str, float]:
    """Return the periods of Llama 3 8B on one A100 in ms, and tokens a second as a part of the optimum in %."""
    measured = profile("llama-3-8b", "a100-80gb", 1)
    seeds = range(RESTARTS * seed, RESTARTS * (seed + 1))
    figures = {}
    for name, table in (("free", None), ("paper", PAPER), ("earlier", EARLIER)):
        found = fitted(measured, 1024, 384, CONTEXT, table, "all", 32, seeds)
        check(found)
        figures[name] = found.period * 1e3
        figures[f"{name}_optimum"] = 100 * rate(found.period, 1024, 32, 1) / measured.optimum
        figures[f"{name}_gain"] = found.graph.sequential / found.period
    return figures


def traffic(seed: int) -> dict[str, float]:
    """Return tokens a second and device of requests served by the simulator, by workload and cost."""
    costs = {
        "none": Nanoflow(overlap="none"),
        "paper": Nanoflow(),
        "earlier": Nanoflow(interference="earlier"),
        "free": Nanoflow(interference="none"),
    }
    figures = {}
    for workload, lengths in WORKLOADS.items():
        prompt, output = lengths.draw(REQUESTS, np.random.default_rng([seed, 11]))
        sent = Trace(np.zeros(REQUESTS), prompt, output)
        for name, cost in costs.items():
            figures[f"{workload}_{name}"] = steady(cost, sent)
        for name in ("paper", "earlier", "free"):
            figures[f"{workload}_{name}_gain"] = figures[f"{workload}_{name}"] / figures[f"{workload}_none"]
            figures[f"{workload}_{name}_tensorrt"] = figures[f"{workload}_{name}"] / OTHERS[workload][2]
    return figures


def steady(cost: Nanoflow, sent: Trace) -> float:
    """Return prompt and output tokens a second and device while the device is full."""
    engine = Sarathi(chunk_size=2048, max_num_seqs=2048)
    scenario = a100("llama-2-70b", DEVICES, engine, cost=cost, max_model_len=8192)
    requests = scenario.simulate(trace=sent).requests
    order = np.argsort(requests["finish"], kind="stable")
    low, high = (int(part * len(order)) for part in STEADY)
    inside = requests[order[low:high]]
    tokens = float((inside["prompt"] + inside["output"]).sum())
    return tokens / (float(inside["finish"][-1] - requests["finish"][order[low - 1]]) * DEVICES)


def computed(seed: int) -> dict[str, float]:
    """Return what two threads show on a decoder that really computes: gain in wall time, and difference of outputs."""
    contexts = np.random.default_rng([seed, 5]).integers(100, 500, 16)
    gain, apart = measure(Network(DECODER, seed), contexts, seed)
    return {"gain": gain, "apart": apart}
