"""BurstGPT: a loader for its files, bursts that a fit keeps, and what bursts do to a fleet."""

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy import stats

from evenly.core import Array, Floats, Trace
from evenly.measure.association import spearman
from evenly.measure.burstiness import dispersion, gap_variation, window_sums
from evenly.papers.data import public
from evenly.serve.engines import Engine
from evenly.serve.engines.vllm_v0 import VllmV0
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.serve.scenario import ServeScenario
from evenly.traces.arrivals import HOUR, Law, Windows, fit, shapes, simplified
from evenly.traces.read import read
from evenly.traces.slices import guard, offers
from evenly.traces.sources.burstgpt import Burstgpt
from evenly.traces.sources.file import File
from evenly.traces.write import write

CONVERSATION = ("AzureLLMInferenceTrace_conv.csv", "https://github.com/Azure/AzurePublicDataset (CC BY 4.0)")
SCALES = (1, 10, 60)  # seconds of the windows whose counts are compared


# ---- Fit and generate ----------------------------------------------------------------------------------------------


def real() -> dict[str, float]:
    """Return the burstiness of the recorded conversation trace."""
    trace = read(public(*CONVERSATION))
    return burstiness(trace.arrival, trace.span)


def generated(seed: int) -> dict[str, float]:
    """Return the burstiness of each law that is fitted to the conversation trace, and of its lengths, over the real."""
    path = public(*CONVERSATION)
    trace = read(path)
    chance = np.random.default_rng(seed)
    found = _laws(trace, seed, chance)
    ours = Burstgpt(like=str(path)).draw(seed)
    for name in ("prompt", "output"):
        one, other = getattr(ours, name), getattr(trace, name)
        found[f"ks_{name}"] = float(stats.ks_2samp(one, other).statistic)
        found[f"median_{name}"] = _worst_hour(ours, trace, name)
    found["spearman"] = abs(spearman(ours.prompt, ours.output) - spearman(trace.prompt, trace.output))
    return found


def bursty(seed: int) -> dict[str, float]:
    """Return the same for a stand-in with the published rate, shape and ten-second bursts of the Azure code trace."""
    rate, shape, index = 8819 / 3436, 0.231, 71.6
    chance = np.random.default_rng([seed, 1])
    mean = 10.0 * rate
    spread = mean / (index - 1.0 / shape)  # the Gamma law of the rates that gives this variance over mean in 10 s
    count = mean / spread * chance.standard_gamma(spread, 343)
    arrival = Windows(10.0, count, np.full(343, shape)).draw(chance)
    one = np.ones(len(arrival), np.int64)
    return _laws(Trace(arrival - arrival[0], one, one), seed, chance)


def burstiness(arrival: Floats, span: float) -> dict[str, float]:
    """Return rate, CV of the gaps, variance over mean of the counts in 1, 10 and 60 s, and the fullest minute."""
    found = {"rate": len(arrival) / span, "cv": gap_variation(arrival)}
    found |= {f"idc_{scale}": dispersion(arrival, float(scale)) for scale in SCALES}
    return found | {"peak": float(window_sums(arrival, 60.0).max())}


def _laws(trace: Trace, seed: int, chance: np.random.Generator) -> dict[str, float]:
    """Return the figures of each law, plain and over those of the trace (`..._x`)."""
    theirs = burstiness(trace.arrival, trace.span)
    drawn = {f"windows_{width}": _windows(trace, width, chance) for width in (60, 10)}
    laws: tuple[Law, ...] = ("poisson", "gamma")
    drawn |= {law: (simplified(law, trace.arrival, trace.span, chance), trace.span) for law in laws}
    found: dict[str, float] = {}
    for law, (arrival, span) in drawn.items():
        for name, value in burstiness(arrival, span).items():
            found |= {f"{law}_{name}": value, f"{law}_{name}_x": value / theirs[name]}
    return found | {"understated": theirs["idc_60"] / found["gamma_idc_60"]}


def _windows(trace: Trace, width: int, chance: np.random.Generator) -> tuple[Floats, float]:
    model = fit(trace.arrival, float(width)).filled()
    return model.draw(chance), model.span


def _worst_hour(ours: Trace, theirs: Trace, name: str) -> float:
    """Return the ratio of the medians of an hour that is farthest from 1."""
    ratios = []
    for hour in range(int(np.ceil(min(ours.span, theirs.span) / HOUR))):
        pair = [np.median(getattr(t, name)[t.arrival // HOUR == hour]) for t in (ours, theirs)]
        ratios.append(float(pair[0] / pair[1]))
    return max(ratios, key=lambda ratio: abs(np.log(ratio)))


# ---- What bursts do to a fleet -------------------------------------------------------------------------------------

UTILISATIONS = (0.7, 0.8)  # requests offered over those that the replica can serve
LONGEST = 8192  # tokens of prompt and answer
ENGINES: Mapping[str, Engine] = {"v1": VllmV1(release="0.10"), "v0": VllmV0()}


def downstream(seed: int) -> dict[str, float]:
    """Return the P99 time to first token with bursts over that with simpler arrivals of the same mean rate.

    Llama 3.1 8B on one A100. A load of 0.7 is 0.7 of the requests a second that vLLM v1 answers if all come at once.
    """
    path = str(public(*CONVERSATION))
    capacity = _capacity(path)
    span = read(path).span
    found: dict[str, float] = {}
    for load in UTILISATIONS:
        rate = load * capacity
        recorded = File(path, speed=rate * span / len(read(path))).draw(seed)
        for name, engine in ENGINES.items():
            served = ServeScenario(trace=File(path), engine=engine, max_model_len=LONGEST)
            tail = {"real": _tail(served, recorded)}
            laws: tuple[Law, ...] = ("windows", "gamma", "poisson", "even")
            for law in laws:
                tail[law] = _tail(served, Burstgpt(like=path, rate=rate, arrivals=law).draw(seed))
            found |= {f"{name}_{law}_{load:g}": seconds for law, seconds in tail.items()}
            found |= {f"{name}_{law}_{load:g}_x": seconds / tail["poisson"] for law, seconds in tail.items()}
        for kind in ("real", "windows", "poisson"):
            found[f"v1_over_v0_{kind}_{load:g}"] = found[f"v1_{kind}_{load:g}"] / found[f"v0_{kind}_{load:g}"]
    return found


@cache
def _capacity(path: str) -> float:
    """Return requests a second of vLLM v1 when all requests of the trace come at once."""
    served = ServeScenario(trace=File(path), max_model_len=LONGEST)
    trace = read(path)
    rows = served.simulate(trace=replace(trace, arrival=np.zeros(len(trace)))).requests
    return len(rows) / float(np.nanmax(rows["finish"]))


def _tail(served: ServeScenario, trace: Trace) -> float:
    rows = served.simulate(trace=trace).requests
    return float(np.nanquantile(rows["first_token"] - rows["arrival"], 0.99))


# ---- The files of the data set -------------------------------------------------------------------------------------

ROWS = 1_429_738  # of BurstGPT_1.csv
CPU_LIMIT, MEMORY_LIMIT = 5.0, 600.0  # seconds and MiB in which such a file must be read
NARROW = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"
WIDE = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type"
MEASURED = """
import sys, time
from pathlib import Path
from evenly.traces.read import read
begin = time.process_time()
trace = read(sys.argv[1])
seconds = time.process_time() - begin
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(len(trace), seconds, int(peak.split()[1]) / 1024)
"""


def loader() -> dict[str, float]:
    """Return what the reader makes of made-up files of both widths, with as many rows as the first published file.

    Figures of time and memory are 1 where the limit is kept: they differ between machines.
    """
    sent = Burstgpt(hours=24.0 * 90).draw(0)
    sent = sent.take(np.arange(min(ROWS, len(sent))))
    with tempfile.TemporaryDirectory(prefix="evenly-burstgpt-") as folder:
        narrow, wide = Path(folder) / "narrow.csv", Path(folder) / "wide.csv"
        _write(sent, narrow, NARROW)
        _write(sent, wide, WIDE)
        run = subprocess.run([sys.executable, "-c", MEASURED, str(wide)], capture_output=True, text=True, check=True)
        rows, seconds, memory = map(float, run.stdout.split())  # Linux counts the peak of a process from its start
        six, eight = read(narrow), read(wide)
        copies = {form: _again(eight, Path(folder) / form, form) for form in ("azure-2024", "mooncake")}
    assert sent.failed is not None
    assert eight.failed is not None
    return {
        "rows": rows,
        "fast": float(seconds <= CPU_LIMIT),
        "small": float(memory <= MEMORY_LIMIT),
        "widths": float(_same(six, eight, 0.0)),
        "failures": float(np.mean(eight.failed)) / float(np.mean(sent.failed)),
        "azure": float(_same(eight, copies["azure-2024"], 1e-6)),
        "mooncake": float(_same(eight, copies["mooncake"], 1e-3)),
    }


def _write(trace: Trace, path: Path, header: str) -> None:
    """Write a trace in the layout of the data set: whole seconds, models and services by user."""
    assert trace.user is not None
    assert trace.session is not None
    rows = np.arange(len(trace))
    known: dict[str, Array] = {
        "Timestamp": trace.arrival.astype(np.int64).astype(str),
        "Session ID": np.where(trace.session >= 0, trace.session.astype(str), ""),
        "Elapsed time": (trace.output * 0.02).round(2).astype(str),
        "Model": np.array(["ChatGPT", "GPT-4"])[trace.user % 2],
        "Request tokens": trace.prompt.astype(str),
        "Response tokens": trace.output.astype(str),
        "Total tokens": trace.tokens.astype(str),
        "Log Type": np.array(["Conversation log", "API log"])[trace.user // 2],
    }
    columns = [known[name][rows].tolist() for name in header.split(",")]
    lines = map(",".join, zip(*columns, strict=True))
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def _again(trace: Trace, path: Path, form: str) -> Trace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the columns that the format cannot hold
        write(trace, path, form)
    return read(path)


def _same(one: Trace, other: Trace, resolution: float) -> bool:
    """Return whether two traces agree in lengths and failures, and in times from the first to a resolution."""
    assert one.failed is not None
    assert other.failed is not None
    apart = np.abs((one.arrival - one.arrival[0]) - (other.arrival - other.arrival[0]))
    return (
        bool(np.all(apart <= resolution * (1 + 1e-6)))
        and np.array_equal(one.prompt, other.prompt)
        and np.array_equal(one.output, other.output)
        and np.array_equal(one.failed, other.failed)
    )


# ---- Slices --------------------------------------------------------------------------------------------------------

BIN = 180.0  # seconds of the bins of the published report
HEAD, TAIL = 0.0343, 3.1713  # requests a second in bins 0 to 400 and 4550 to 4950


def slices(seed: int) -> dict[str, float]:
    """Return how the guard judges the slices that a user of the data set ran into, and what of a trace is sent.

    The arrivals are Poisson with the two published rates, and rise evenly in between, where none is published.
    """
    middle = np.interp(np.arange(4950), [0, 400, 4550, 4950], [HEAD, HEAD, TAIL, TAIL])
    arrival = Windows(BIN, middle * BIN, np.ones(len(middle))).draw(np.random.default_rng(seed))
    one = np.ones(len(arrival), np.int64)
    trace = Trace(arrival - arrival[0], one, one)
    head, tail = (
        float(np.count_nonzero((arrival >= BIN * a) & (arrival < BIN * b))) for a, b in ((0, 400), (4550, 4950))
    )
    whole = offers(trace, BIN * 400)
    warned = [_warns(trace, part.start, part.seconds) for part in whole.values()]
    published = Burstgpt(hours=24.0).draw(seed)
    sent = ServeScenario(trace=Burstgpt(), replicas=2).simulate(trace=published).requests
    assert published.failed is not None
    return {
        "ratio": tail / head,
        "warned": float(_warns(trace, 0.0, BIN * 400)),
        "offered": float(len(whole)),
        "representative": float(warned[list(whole).index("representative")]),
        "least_tokens": float(min(sent["prompt"].min(), sent["output"].min())),
        "left_out": len(published) - len(sent) - float(np.count_nonzero(published.failed)),
    }


def _warns(trace: Trace, start: float, seconds: float) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        guard(trace, start, seconds)
    return bool(caught)


# ---- Properties ----------------------------------------------------------------------------------------------------

SHAPES = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


def properties(seed: int) -> dict[str, float]:
    """Return the laws that a generator must keep, on one seed."""
    chance = np.random.default_rng([seed, 2])
    plain = Windows(1e5, np.array([1e4]), np.array([1.0]))
    gaps = np.diff(plain.draw(chance))
    one = np.zeros(10_000, np.int64)
    wrong = [abs(float(shapes(chance.gamma(shape, 3.0, 10_000), one, 1)[0]) / shape - 1.0) for shape in SHAPES]
    once, twice = (Burstgpt(hours=4.0, start=9.0, speed=speed).draw(seed) for speed in (1.0, 2.0))
    model = Windows(600.0, chance.uniform(500, 2000, 100), chance.uniform(0.2, 3.0, 100))
    again = fit(model.draw(chance), 600.0)
    known = len(again.count)
    exact = Windows(3600.0, np.array([9000.0]), np.array([1.0])).draw(chance)
    whole = np.floor(exact)
    return {
        "exponential": float(stats.kstest(gaps, "expon", args=(0, 10.0)).pvalue),
        "shape": max(wrong),
        "halved": float(np.array_equal(once.arrival / 2, twice.arrival)),
        "inside": float(np.all(np.diff(once.arrival) >= 0) and once.arrival[-1] < 4 * HOUR),
        "same": float(np.array_equal(once.arrival, Burstgpt(hours=4.0, start=9.0).draw(seed).arrival)),
        "again_count": float(np.mean(again.count / model.count[:known])),
        "again_shape": float(np.mean(again.shape / model.shape[:known])),
        "ties": float(fit(whole, 3590.0).shape[0] / fit(exact, 3590.0).shape[0]),
    }
