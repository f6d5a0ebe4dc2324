"""The arrays of a run, as they are before the first request."""

import numpy as np

from evenly.core import Array, Ints, Trace
from evenly.core.programs import programs, turns
from evenly.kernel.serving import tally
from evenly.kernel.serving.copies import COPY_COLUMNS
from evenly.kernel.serving.free_runs import laid, size
from evenly.kernel.serving.records import FLEET, FLOW, LANE, NONE, POOL, REQUEST, RULES, SEAT
from evenly.kernel.serving.run import LOG_COLUMNS
from evenly.kernel.serving.switch_records import COPY, SWITCH, TIER

BINS = 512  # time bins of the load
COPIES = 20_000  # rows of the log of copies between device and host
PEAKS = 512  # gaps remembered before they are handed to the seats


def arrays(
    trace: Trace,
    rules: dict[str, int | float],
    replicas: int,
    blocks: int,
    host_blocks: int,
    counts: str,
    record_tokens: bool,
    record_passes: int,
) -> dict[str, Array]:
    """Return the arrays of a world at time 0, by field of `records.WORLD`; the policies' memories are missing.

    `counts` says what a flow is: "user", "program", or "" where nobody asks.
    """
    seats = min(int(rules["seats"]), max(1, len(trace)))  # no more can be taken
    block = int(rules["block"])
    ids = np.array(trace.prefixes.ids, np.int64) if trace.prefixes is not None else np.zeros(0, np.int64)
    cache = bool(rules["cache"])
    cells = blocks if cache else 1
    longest = int((trace.prompt + trace.output).max(initial=1))
    total_tokens = int(trace.output.sum()) if record_tokens else 0
    rule = np.zeros(1, RULES)
    for name, value in rules.items():
        rule[name] = value
    rule["seats"] = seats
    requests = _requests(trace)
    requests["flow"] = _flows(trace, counts)
    flows = np.zeros((replicas, int(requests["flow"].max(initial=0)) + 1), FLOW)
    flows["first"] = flows["started"] = np.nan
    fleet = np.zeros(replicas, FLEET)
    fleet["free"] = fleet["blocks"] = blocks
    shape = (replicas, seats)
    slots = 1 << max(4, (2 * cells).bit_length())
    ends = np.zeros((replicas, 4), np.int64)
    ends[:, 1] = cells - 1
    return {
        "requests": requests,
        "fleet": fleet,
        "flows": flows,
        "pools": _pools(replicas, seats, blocks, host_blocks),
        "seats": np.zeros(replicas * seats, SEAT),
        "lanes": _lanes(replicas, blocks),
        "line": np.zeros(shape, np.int64),
        "fill": np.zeros(shape, np.int64),
        "spare": np.tile(np.arange(2 * seats)[::-1] % seats, (replicas, 1))
        if seats
        else np.zeros((replicas, 0), np.int64),
        "phase": np.zeros((replicas, block), np.int64),
        "chunk": np.zeros(shape, np.int64),
        "before": np.zeros(shape, np.int64),
        "who": np.zeros(shape, np.int64),
        "peak_at": np.zeros((replicas, PEAKS), np.int64),
        "peak_gap": np.zeros((replicas, PEAKS)),
        "gaps": np.zeros(tally.GAP_BINS, np.int64),
        "bins": np.zeros((tally.CHANNELS, BINS, replicas)),
        "clock": np.array([2.0**-6, 0.0, 0.0]),
        "rules": rule,
        "heard": np.zeros(1 + 2 * len(trace) if rules.get("window") else 1, np.int64),
        "ids": ids,
        "id_block": np.array([trace.prefixes.block if trace.prefixes is not None else 1], np.int64),
        "table": np.zeros((replicas * seats, longest // block + 2) if cache else (1, 1), np.int32),
        "link": _queue(replicas, cells),
        "owners": np.zeros((replicas, cells), np.int32),
        "key": np.zeros((replicas, cells), np.int64),
        "twin": np.full((replicas, cells), NONE, np.int32),
        "slots": np.zeros((replicas, slots), np.int32),
        "bag": np.zeros((replicas, cells), np.int32),
        "ends": ends,
        **_host_cache(replicas, int(rules.get("host_cache", 0))),
        "tokens": np.full(total_tokens, np.nan),
        "token_at": np.concatenate(([0], np.cumsum(trace.output))) if record_tokens else np.zeros(1, np.int64),
        "log": np.zeros((record_passes, LOG_COLUMNS)),
        "log_size": np.zeros(1, np.int64),
        "members": np.zeros((1, 1), np.int64),
        **_tiers(rules, replicas, seats, blocks, host_blocks, len(trace), longest // block + 2),
    }


def _tiers(
    rules: dict[str, int | float], replicas: int, seats: int, blocks: int, host_blocks: int, count: int, most: int
) -> dict[str, Array]:
    """Return what the switching of seats needs, next to nothing where there is none; `most` pages hold any request."""
    switched = bool(rules.get("redraw"))
    if not switched:
        replicas, seats, blocks, host_blocks, count, most = 1, 1, 1, 1, 1, 1
    rows, slots = 2 * seats, max(1, min(host_blocks, count))
    switches = np.zeros(count, SWITCH)
    for name in ("seat", "row", "slot", "later"):
        switches[name] = NONE
    switches["ready"] = -np.inf
    tiers = np.zeros(replicas, TIER)
    tiers["first"] = tiers["last"] = NONE
    tiers["rows"] = rows
    tiers["least"] = 1 << 60
    tiers["pages"] = host_blocks
    return {
        "switches": switches,
        "copies": _copies(replicas, slots),
        "tiers": tiers,
        "device_pages": np.zeros((replicas * rows, most), np.int32),
        "host_pages": np.zeros((replicas * slots, most), np.int32),
        "spare_rows": np.tile(np.arange(rows)[::-1], (replicas, 1)),
        **_stacks(replicas, blocks, host_blocks),
        **_groups(bool(rules.get("groups")), replicas, (blocks, host_blocks), (rows, slots)),
        "copy_log": np.zeros((COPIES if switched else 0, COPY_COLUMNS)),
        "copy_log_size": np.zeros(1, np.int64),
    }


def _copies(replicas: int, slots: int) -> Array:
    """Return the host's copies, all of them spare."""
    made = np.zeros((replicas, slots), COPY)
    made["owner"] = NONE
    made["next"] = np.append(np.arange(1, slots), NONE)
    return made.reshape(-1)


def _stacks(replicas: int, blocks: int, host_blocks: int) -> dict[str, Array]:
    """Return the free pages of every device and host, where pages are taken one by one."""
    sides = np.tile([blocks, host_blocks], replicas)
    stack = np.zeros((2 * replicas, max(blocks, host_blocks, 1)), np.int32)
    for pages, side in zip(stack, sides, strict=True):
        pages[:side] = np.arange(side)[::-1]
    return {"stack": stack, "stacked": sides.astype(np.int64)}


def _groups(used: bool, replicas: int, pages: tuple[int, int], owners: tuple[int, int]) -> dict[str, Array]:
    """Return the pools of groups of pages, by device and host, and where each begins; next to nothing if unused."""
    if not used:
        return {"cells": np.zeros(1, np.int64), "pool_at": np.zeros(2 * replicas, np.int64)}
    device, host = pages[0], max(1, pages[1])  # a pool has a page, which nobody takes from a host of none
    sizes = np.tile([size(device, owners[0]), size(host, owners[1])], replicas)
    cells = np.tile(np.concatenate((laid(device, owners[0]), laid(host, owners[1]))), replicas)
    return {"cells": cells, "pool_at": np.cumsum(sizes) - sizes}


def _queue(replicas: int, blocks: int) -> Array:
    """Return the links (previous, next) of all blocks in their order."""
    link = np.zeros((replicas, blocks, 2), np.int32)
    link[:, :, 0] = np.arange(blocks) - 1
    link[:, :, 1] = np.arange(blocks) + 1
    link[:, -1, 1] = NONE
    return link


def _host_cache(replicas: int, blocks: int) -> dict[str, Array]:
    cells = max(1, blocks)
    return {
        "host_key": np.zeros((replicas, cells), np.int64),
        "host_ready": np.zeros((replicas, cells)),
        "host_link": _queue(replicas, cells),
        "host_slots": np.zeros((replicas, 1 << max(4, (2 * cells).bit_length())), np.int32),
        "host_ends": np.tile(np.array([0, cells - 1]), (replicas, 1)),
    }


def _requests(trace: Trace) -> Array:
    count = len(trace)
    made = np.zeros(count, REQUEST)
    for name in ("arrival", "prompt", "output"):
        made[name] = getattr(trace, name)
    made["user"] = trace.user if trace.user is not None else NONE
    made["priority"] = trace.priority if trace.priority is not None else 0
    made["session"] = trace.session if trace.session is not None else NONE
    made["history"] = np.arange(count)
    made["pause"] = -1.0
    made["deadline"] = np.inf
    if trace.deadline is not None:
        made["deadline"] = trace.deadline
    made["tool"] = trace.tool if trace.tool is not None else NONE
    made["turn"], made["last_turn"] = turns(trace)
    for name in ("follower", "sibling", "child", "next", "replica", "parent"):
        made[name] = NONE
    for name in ("start", "first_token", "finish"):
        made[name] = np.nan
    if trace.prefixes is not None:
        made["ids"] = trace.prefixes.offsets[:-1]
        made["id_count"] = np.diff(trace.prefixes.offsets)
    if trace.after is not None:
        _chain(made, trace)
    return made


def _chain(made: Array, trace: Trace) -> None:
    """Link requests to those that wait for their end; a session whose turns extend one another shares its history."""
    assert trace.after is not None
    later = np.flatnonzero(trace.after >= 0)
    made["pause"][later] = trace.pause[later] if trace.pause is not None else 0.0
    for i in later[::-1]:
        j = trace.after[i]
        made["sibling"][i] = made["follower"][j]
        made["follower"][j] = i
        made["parent"][i] = j
    if trace.session is not None:
        _tell(made, trace, later)


def _tell(made: Array, trace: Trace, later: Ints) -> None:
    """Note which turns repeat all that was said before: those of sessions in which every turn is long enough.

    The first to follow a turn goes on with its conversation; another one branches off where that turn ended.
    """
    assert trace.after is not None
    assert trace.session is not None
    earlier = trace.after[later]
    said = trace.prompt[earlier] + trace.output[earlier]
    grows = (trace.session[later] == trace.session[earlier]) & (trace.prompt[later] >= said)
    broken = np.unique(trace.session[later[~grows]])
    repeats = (trace.session[later] >= 0) & ~np.isin(trace.session[later], broken)
    followed: set[int] = set()
    for i, j, tokens in zip(later[repeats], earlier[repeats], said[repeats], strict=True):  # a turn comes after its own
        if j in followed:
            made["fork"][i], made["trunk"][i] = tokens, made["history"][j]
        else:
            made["history"][i] = made["history"][j]
        followed.add(int(j))


def _flows(trace: Trace, counts: str) -> Ints:
    """Return the flow of each request, numbered from 0: its user (one for all that have none) or its program."""
    if counts == "user":
        users = trace.user if trace.user is not None else np.zeros(len(trace), np.int64)
        return np.unique(users, return_inverse=True)[1]
    return programs(trace) if counts else np.zeros(len(trace), np.int64)


def _pools(replicas: int, seats: int, blocks: int, host_blocks: int) -> Array:
    made = np.zeros(replicas, POOL)
    made["free"] = made["least_free"] = blocks
    made["host"] = made["least_host"] = host_blocks
    made["spare_seats"] = seats
    made["next_end"] = 1 << 60
    made["longest"] = -(1 << 60)
    made["end"] = np.inf
    for name in ("waiting", "swapped", "swapped_last", "kept", "dropped"):
        made[name] = NONE
    return made


def _lanes(replicas: int, blocks: int) -> Array:
    made = np.zeros(replicas, LANE)
    made["prompt_share"] = made["decode_share"] = made["rate"] = 1.0
    for name in ("ready", "until", "arrives"):
        made[name] = np.inf
    for name in ("ended", "moving"):
        made[name] = NONE
    for name in ("blocks", "side_free", "side_least", "free"):
        made[name] = blocks
    return made
