"""What plans beside the published ones buy: prompts apart, unequal stages, devices of several kinds."""

from dataclasses import replace

from evenly.measure.slo import Slo
from evenly.papers.testbed import Given
from evenly.plan.pools import Cluster, search_pools
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import FORMS, at_once, search
from evenly.serve.engines.vllm_v1 import VllmV1
from evenly.traces.lengths.quantiles import Quantiles
from evenly.traces.sources.poisson import Poisson

BUDGETS = (256, 512, 2048, 8192)  # tokens of a pass: with fewer, prompts hold up decodes less and take longer
USUAL = 2048  # vLLM's own, on smaller devices
STRICT = Slo(ttft=1.0, tpot=0.025)


def apart(seed: int) -> dict[str, float]:
    """Return the shares of requests within limits, in %: the best plan apart, and the best other one.

    Of the other ones that of the usual budget stands beside the best of any budget.
    """
    trace = Poisson(rate=4.0, requests=200, lengths=Quantiles(data="summarization")).draw(seed)
    base = PlanScenario(trace=Given(), model="llama-3.1-70b", slo=STRICT)
    divided, shared = {}, {}
    for budget in BUDGETS:
        engine = VllmV1(max_num_batched_tokens=budget, max_num_seqs=256)
        plan = search(replace(base, engine=engine), 8, trace, "slo_share", forms=FORMS[1:])
        divided[budget] = max(one.figures["slo_share"] for one in plan.candidates if one.scenario.prompts)
        shared[budget] = max(one.figures["slo_share"] for one in plan.candidates if not one.scenario.prompts)
    return {
        "apart": 100 * max(divided.values()),
        "shared": 100 * max(shared.values()),
        "usual": 100 * shared[USUAL],
    }


def uneven(seed: int) -> dict[str, float]:
    """Return the time a token of four equal stages over that of the best unequal ones, Llama 3 8B on four V100."""
    trace = Poisson(rate=4.0, requests=200, lengths=Quantiles(data="lmsys-short")).draw(seed)
    base = PlanScenario(trace=Given(), model="llama-3-8b", device="v100-pcie", node=4)
    found = search(base, 4, trace, "tpot_mean", forms=FORMS[:1])
    four = [one for one in found.candidates if one.scenario.stages == 4 and one.scenario.tensor == 1]
    equal = min(one.figures["tpot_mean"] for one in four if not one.scenario.layers)
    return {"gain": equal / min(one.figures["tpot_mean"] for one in four)}


def pools(seed: int) -> dict[str, float]:
    """Return how much sooner 4 H100 and 8 L40S are done together than the H100 alone, and than by the usual rule."""
    trace = at_once(Poisson(rate=1.0, requests=1500, lengths=Quantiles(data="lmsys-short")).draw(seed))
    base = PlanScenario(trace=Given(), model="llama-3.1-70b")
    found = search_pools(base, [Cluster("h100", 4, 8), Cluster("l40s", 8, 8)], trace, "makespan")
    alone = [one for one in found.candidates if one.scenario.device == "h100" and not one.scenario.beside]
    assert found.heuristic is not None
    best = found.winner.figures["makespan"]
    return {
        "alone": min(one.figures["makespan"] for one in alone) / best,
        "usual": found.heuristic.figures["makespan"] / best,
    }
