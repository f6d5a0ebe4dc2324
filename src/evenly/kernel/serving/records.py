"""What the serving kernel knows: requests, replicas, seats, rules.

Every array that the compiled loop touches is declared here. Hooks of policies see `requests` and `fleet`; the rest is
the kernel's own. Units: seconds, tokens, blocks.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types

from evenly.kernel.serving.switch_records import COPY, SWITCH, TIER
from evenly.kernel.world import WorldType, records

# Ways to compose a pass.
PREFILL_FIRST = 0  # waiting prompts alone if any can start, else all decodes
QUEUE_ORDER = 1  # running requests in order until the token budget is spent, then waiting ones
DECODE_FIRST = 2  # all decodes, then unfinished prompts, then waiting ones
SPLIT_FUSE = 3  # as DECODE_FIRST, but a decode without a block waits instead of evicting

# What an admitted prompt reserves.
CHUNK = 0  # blocks of the tokens computed in this pass
PROMPT = 1  # blocks of the whole prompt
LONGEST = 2  # blocks of the longest sequence the model accepts

# What happens to a victim.
RECOMPUTE = 0
SWAP = 1

# Lanes of a replica.
SINGLE = 0  # prompts and decodes share passes
SHARED = 1  # prompts and decodes have a lane each, and share a device and its blocks
APART = 2  # they have a device each

# A plain -1 would be a type of its own to numba, and compile every helper twice.
NONE: Any = np.int64(-1)
ZERO: Any = np.int64(0)
ONE: Any = np.int64(1)

REQUEST = np.dtype(
    [
        ("arrival", "f8"),
        ("prompt", "i8"),
        ("output", "i8"),
        ("user", "i8"),
        ("session", "i8"),
        ("history", "i8"),  # the first turn of the conversation that it goes on with, itself if none
        ("fork", "i8"),  # of such a first turn: how many of its first tokens another conversation said,
        ("trunk", "i8"),  # and which
        ("priority", "i8"),
        ("deadline", "f8"),  # seconds after its arrival in which its answer is due; infinite if it never is
        ("flow", "i4"),  # its row in `flows`
        ("parent", "i4"),  # the request whose end it waited for
        ("turn", "i4"),  # its place in its program
        ("tool", "i4"),  # what its program does after it
        ("last_turn", "i4"),  # 1: its program ends with it
        ("began", "f8"),  # when the first request of its program came
        ("kept", "i4"),  # 1: its blocks are kept after its end, 2: and its next turn waits for a seat
        ("follower", "i8"),  # the first request that waits for this one's end
        ("sibling", "i8"),  # the next request that waits for the same end
        ("pause", "f8"),  # seconds between that end and the follower's arrival
        ("ids", "i8"),  # where its prefix ids begin
        ("id_count", "i8"),
        ("rank", "f8"),  # place in a heap, lower comes first; or until when its blocks are kept
        ("child", "i8"),  # pairing heap; prompt tokens computed before it was swapped out; or the blocks that are kept
        ("next", "i8"),  # pairing heap, or list of swapped-out requests, of dropped ones, or of those with kept blocks
        ("generated", "i8"),  # tokens made before the last preemption
        ("last", "f8"),  # when its last token came, if it was preempted
        ("start", "f8"),  # first time in a pass
        ("first_token", "f8"),
        ("finish", "f8"),
        ("worst_gap", "f8"),
        ("cached", "i8"),  # prompt tokens found in the prefix cache, first admission
        ("preemptions", "i8"),
        ("replica", "i8"),
        ("drawn", "i8"),  # how often ranks were asked anew on its replica, where they are in turn
    ],
    align=True,
)

FLOW = np.dtype(
    [
        ("waiting", "i8"),  # its requests that wait for a seat
        ("running", "i8"),  # its requests that hold a seat
        ("prompt", "i8"),  # prompt tokens of its requests that started, counted once
        ("output", "i8"),  # tokens that it was given
        ("first", "f8"),  # when its first request came; NaN before
        ("started", "f8"),  # when one of its requests last got a seat; NaN before
        ("credit", "f8"),  # the policy's own
    ],
    align=True,
)

FLEET = np.dtype(
    [
        ("waiting", "i8"),  # requests that wait to be admitted
        ("running", "i8"),  # requests that hold a seat
        ("queued_tokens", "i8"),  # prompt tokens of waiting requests
        ("resident", "i8"),  # context tokens of running decodes when the last pass was composed
        ("work", "f8"),  # seconds to compute the queued prompt tokens and one pass of the decodes
        ("free", "i8"),  # blocks
        ("blocks", "i8"),
        ("hit", "i8"),  # tokens of the request being routed that this replica has cached
        ("sent", "i8"),  # requests routed here so far
        ("pace", "f8"),  # seconds of a queued prompt token
    ],
    align=True,
)

POOL = np.dtype(
    [
        ("seated", "i8"),  # requests in `line`
        ("decodes", "i8"),
        ("filling", "i8"),  # requests in `fill`: prompt not yet computed
        ("tick", "i8"),  # decode passes so far
        ("base", "i8"),  # context tokens of the decodes, less `tick` each
        ("longest", "i8"),  # largest base of a decode
        ("next_end", "i8"),  # tick at which the next decode ends
        ("free", "i8"),  # blocks not referenced
        ("spare_seats", "i8"),  # size of the stack of free seats
        ("waiting", "i8"),  # root of the heap of waiting requests
        ("queue", "i8"),  # its size
        ("sequence", "i8"),  # requests enqueued so far
        ("swapped", "i8"),  # first of the swapped-out requests
        ("swapped_last", "i8"),
        ("kept", "i8"),  # first of the requests whose blocks are kept after their end
        ("dropped", "i8"),  # first of the requests that grew too large to ever start again
        ("host", "i8"),  # free blocks on the host
        ("least_host", "i8"),
        ("running", "i8"),  # 1: a pass is under way
        ("start", "f8"),
        ("first", "f8"),
        ("growth", "f8"),
        ("passes", "i8"),
        ("counted", "i8"),  # how many of them `flows` know
        ("end", "f8"),
        ("chunks", "i8"),  # prompt chunks in the pass under way
        ("ran", "i8"),  # decodes in it
        ("starved", "i8"),  # decodes left out of it
        ("evicted", "i8"),  # requests preempted while composing it
        ("moved", "i8"),  # blocks swapped while composing it
        ("emitted", "f8"),  # when all decodes last got a token together
        ("emissions", "i8"),  # how many passes gave tokens to all
        ("stalled", "i8"),  # 1: some decode did not get a token in the last pass
        ("held", "i8"),  # 1: the head of the queue waits for time, not for room
        ("last_prefill", "f8"),  # seconds of the last prefill-only pass
        ("peaks", "i8"),  # size of the stack of gaps
        ("least_free", "i8"),
        ("recomputed", "i8"),  # tokens computed again after a preemption
        ("computed", "i8"),  # tokens computed in all
        ("busy", "f8"),
        ("steps", "i8"),  # passes run
        ("loaded", "i8"),  # blocks copied from the host's cache
        ("saved", "i8"),  # and to it
        ("host_out", "f8"),  # when the last copy to it is complete
        ("full", "f8"),  # seconds of a pass with a full budget: prices queued tokens for `work`
        ("own", "f8"),  # seconds of its own work in the pass under way, where replicas keep step
        ("own_growth", "f8"),
        ("tables", "i8"),  # where the numbers of its cost model begin in `tables`,
        ("tables_end", "i8"),  # and end
        ("shared", "i8"),  # where those of its crew begin in `shared`,
        ("shared_end", "i8"),  # and end; there where they begin if there are none
        ("crew", "i8"),  # where replicas keep step: its crew,
        ("mates", "i8"),  # the replicas of that,
        ("stages", "i8"),  # and the stages of its pipeline, hence microbatches
        ("carried", "i8"),  # 1: a request brings keys and values of all its prompt but the last token
        ("link", "f8"),  # until when the link of its crew is taken by keys and values that go elsewhere
        ("freed", "i8"),  # 1: some of them were taken, so its crew has room
    ],
    align=True,
)

SEAT = np.dtype(
    [
        ("state", "i8"),  # FILLING, DECODING or STARVED; what scans of the line read stands together
        ("base", "i8"),  # context less tick, while decoding
        ("end", "i8"),  # tick of its last token
        ("request", "i8"),
        ("joined", "f8"),  # when its last own token came
        ("index", "i8"),  # emissions of the replica at that time
        ("worst", "f8"),
        ("filled", "i8"),  # prompt tokens computed, while filling
        ("target", "i8"),  # prompt tokens to compute, generated ones of earlier lives included
        ("table", "i8"),  # blocks held in the seat's block table (prefix cache)
        ("hit", "i8"),  # tokens taken from the cache
        ("sealed", "i8"),  # leading blocks whose content is registered in the cache
        ("at", "i8"),  # own number
    ],
    align=True,
)
FILLING, DECODING, STARVED = 0, 1, 2

LANE = np.dtype(
    [
        ("prompt_share", "f8"),  # of the device, 0 to 1
        ("decode_share", "f8"),
        ("next_prompts", "f8"),  # shares to come
        ("next_decodes", "f8"),
        ("ready", "f8"),  # when the workers of these will have started; infinite if there are none
        ("fresh_prompts", "i8"),  # 1: the lane's next pass is of the new workers
        ("fresh_decodes", "i8"),
        ("phase", "i8"),  # of the prompts: IDLE, HOST or DEVICE
        ("start", "f8"),  # of their pass
        ("until", "f8"),  # when that phase ends
        ("at", "f8"),  # until when `work` is accounted for
        ("work", "f8"),  # device seconds that the pass of prompts still needs, at full rate
        ("since", "f8"),  # from when `host` and `load` count
        ("host", "f8"),  # host seconds of the decodes' pass from then on
        ("load", "f8"),  # device seconds after them, at full rate
        ("rate", "f8"),  # of the decodes
        ("joining", "i8"),  # computed prompts that wait for the decodes
        ("ended", "i8"),  # first of the requests that ended with their first token
        ("moving", "i8"),  # the seat whose KV is on the link
        ("arrives", "f8"),  # when it will have arrived; infinite if there is none
        ("blocks", "i8"),  # of each device
        ("side_free", "i8"),  # free blocks of the prompts' own device
        ("side_least", "i8"),
        ("seen", "i8"),  # passes since shares were last looked at
        ("counted", "f8"),  # until when the load is
        ("free", "i8"),  # free blocks at that time
        ("used", "f8"),  # block-seconds until then on the device of the decodes
        ("side_used", "f8"),  # and on the prompts' own
    ],
    align=True,
)
IDLE, HOST, DEVICE = 0, 1, 2

RULES = np.dtype(
    [
        ("compose", "i8"),
        ("reserve", "i8"),
        ("victims", "i8"),
        ("chunked", "i8"),
        ("block", "i8"),
        ("watermark", "i8"),
        ("budget", "i8"),
        ("seats", "i8"),
        ("batch", "i8"),  # requests in one pass
        ("longest", "i8"),  # tokens of prompt and output the model accepts
        ("threshold", "i8"),  # longest chunk of one prompt in a pass
        ("lone", "i8"),  # 1: that limit does not hold for a request that is alone
        ("whole", "i8"),  # 1: a request starts only if all its tokens fit, though it takes the blocks of a chunk
        ("blank", "i8"),  # 1: a block without content is taken before all others
        ("behind", "i8"),  # 1: a prompt that may not be cut and does not fit lets those behind it pass
        ("cache", "i8"),
        ("host_cache", "i8"),  # blocks of host memory that cache what was computed
        ("carried", "i8"),  # 1: all replicas get requests with keys and values, see `POOL`; no cache then
        ("apart", "i8"),  # replicas that compute prompts for the others, the first ones; 0 where none do
        ("asked", "i8"),  # numbers that their router remembers; the others' come after them
        ("readmit", "i8"),  # 1: prompts may start in a pass that preempted somebody
        ("front", "i8"),  # 1: a preempted request goes to the front of the queue, 0: to the place of its rank
        ("by_rank", "i8"),  # 1: the victim is the request of highest rank, 0: the last of the line
        ("usurp", "i8"),  # 1: a more urgent head of the queue preempts running requests
        ("swap_seconds", "f8"),  # to copy one block
        ("slowdown", "f8"),  # factor on the length of a pass
        ("delay", "f8"),  # hold prompts until the oldest waited this many times the last prefill
        ("step", "i8"),  # 1: never skip ahead
        ("hits", "i8"),  # 1: the router reads `fleet.hit`
        ("flows", "i8"),  # 1: the order reads `flows`, and ranks may grow while requests wait
        ("retain", "i8"),  # 1: blocks may be kept after the end of a request
        ("learns", "i8"),  # 1: the retention is told what becomes of requests
        ("host_seconds", "f8"),  # of each pass, during which it does not use the device
        ("lanes", "i8"),
        ("slope", "f8"),  # the time a decode token takes on a share s of the device goes by slope / s + floor
        ("floor", "f8"),
        ("link_wait", "f8"),  # seconds before the first token of KV arrives on the other device
        ("link_seconds", "f8"),  # and of each one
        ("window", "i8"),  # passes between two looks at the shares; 0 is never
        ("worker_start", "f8"),  # seconds until workers with other shares are ready
        ("crews", "i8"),  # crews of replicas that keep step; 0 where each goes by itself
        ("stages", "i8"),  # stages of their pipelines, where all crews are alike
        ("redraw", "i8"),  # passes between two looks at the ranks of all requests; 0 where seats are not switched
        ("groups", "i8"),  # pages of a new block group; 0 allocates page by page
        ("merged", "i8"),  # 1: pages that are contiguous on both sides are copied at once
        ("background", "i8"),  # 1: the device goes on while copies are under way
        ("adaptive", "i8"),  # 1: unless waiting costs less
        ("reuse", "i8"),  # 1: copies on the host stay when a request comes back
        ("copy_run", "f8"),  # seconds to dispatch the copies of a run, one for keys and one for values of each layer
        ("copy_page", "f8"),  # seconds that a page is on the link
        ("copy_start", "f8"),  # seconds before the first byte moves
    ],
    align=True,
)

_floats = types.float64[::1]
_ints = types.int64[::1]


def _array(kind: Any, axes: int) -> Any:
    return types.Array(kind, axes, "C")


REQUESTS = records(REQUEST)
REPLICAS = records(FLEET)
FLOWS = records(FLOW)

# Axes: r replica, s seat, b block.
WORLD = WorldType(
    "serving",
    {
        "requests": REQUESTS,
        "fleet": REPLICAS,  # [r]
        "flows": _array(FLOWS.dtype, 2),  # [r, flow] users or programs, as the order asks
        "pools": records(POOL),  # [r]
        "seats": records(SEAT),  # [r * s]
        "lanes": records(LANE),  # [r]
        "switches": records(SWITCH),  # [request], where requests are switched
        "copies": records(COPY),  # [r * slot]
        "tiers": records(TIER),  # [r]
        "device_pages": _array(types.int32, 2),  # [r * row, *] pages of a request, in the order of its tokens
        "host_pages": _array(types.int32, 2),  # [r * slot, *]
        "spare_rows": _array(types.int64, 2),  # [r, row] stack
        "stack": _array(types.int32, 2),  # [2 * r + side, page] free pages of device (0) and host (1)
        "stacked": _ints,  # [2 * r + side] how many
        "cells": _ints,  # the same pages in block groups, see groups.py
        "pool_at": _ints,  # [2 * r + side] where in `cells` a pool begins
        "copy_log": _array(types.float64, 2),  # rows of copies, or empty
        "copy_log_size": _ints,
        "line": _array(types.int64, 2),  # [r, s] seats in running order
        "fill": _array(types.int64, 2),  # [r, s] seats whose prompt is not computed yet, in running order
        "spare": _array(types.int64, 2),  # [r, 2 * s] stack of free seats, then scratch
        "phase": _array(types.int64, 2),  # [r, block] decodes that need a block at tick = phase (mod block)
        "chunk": _array(types.int64, 2),  # [r, s] tokens of each prompt chunk of the pass under way
        "before": _array(types.int64, 2),  # [r, s] tokens those requests already held
        "who": _array(types.int64, 2),  # [r, s] their seats
        "peak_at": _array(types.int64, 2),  # [r, *] emissions when a gap began, rising
        "peak_gap": _array(types.float64, 2),  # [r, *] the gap, falling
        "gaps": _ints,  # histogram of token gaps
        "bins": _array(types.float64, 3),  # [channel, bin, r] sums over time
        "clock": _floats,  # width of a bin, sum of gaps, number of gaps
        "rules": records(RULES),
        "heard": _ints,  # a count, then the requests that got a first token or ended since shares were looked at
        "ids": _ints,  # prefix ids of all requests
        "id_block": _ints,  # tokens of a prefix block, one entry
        "table": _array(types.int32, 2),  # [r * s, *] blocks of a seat's prompt
        "link": _array(types.int32, 3),  # [r, b, 2] free queue of blocks: previous, next
        "owners": _array(types.int32, 2),  # [r, b] references to a block
        "key": _array(types.int64, 2),  # [r, b] content of a block, 0 for none
        "twin": _array(types.int32, 2),  # [r, b] next block with the same content
        "slots": _array(types.int32, 2),  # [r, *] hash table from content to first block
        "bag": _array(types.int32, 2),  # [r, b] stack of referenced blocks without content
        "ends": _array(types.int64, 2),  # [r, 4]: head and tail of the free queue, size of the bag
        "host_key": _array(types.int64, 2),  # [r, h] content of a block of the host's cache, 0 for none
        "host_ready": _array(types.float64, 2),  # [r, h] when its copy is complete
        "host_link": _array(types.int32, 3),  # [r, h, 2] order of last use: previous, next
        "host_slots": _array(types.int32, 2),  # [r, *] hash table from content to block
        "host_ends": _array(types.int64, 2),  # [r, 2]: used least lately, and last
        "tokens": _floats,  # times of all tokens, or empty
        "token_at": _ints,  # where a request's token times begin
        "log": _array(types.float64, 2),  # rows of the pass log, or empty
        "log_size": _ints,
        "choose_memory": _floats,
        "rank_memory": _floats,
        "budget_memory": _floats,
        "admit_memory": _floats,
        "score_memory": _floats,
        "retain_memory": _floats,
        "tables": _floats,  # of the cost model, one kind of replicas after the other
        "shared": _floats,  # of what the replicas of a crew compute together for a microbatch, likewise, or empty
        "members": _array(types.int64, 2),  # [crew, *] replicas of a crew, microbatches before ranks, then -1
    },
)

# Signatures of the hooks.
CHOOSE = types.FunctionType(types.int64(types.float64, types.int64, REQUESTS, REPLICAS, _floats))
RANK = types.FunctionType(types.float64(types.float64, types.int64, types.int64, REQUESTS, FLOWS, _floats))
BUDGET = types.FunctionType(types.int64(types.float64, types.int64, types.int64, _floats))
ADMIT = types.FunctionType(
    types.int64(types.float64, types.int64, types.int64, types.int64, types.int64, REQUESTS, _floats)
)
SCORE = types.FunctionType(types.float64(types.float64, types.int64, types.int64, types.int64, REQUESTS, _floats))
RETAIN = types.FunctionType(types.float64(types.float64, types.int64, REQUESTS, _floats))
LEARN = types.FunctionType(types.void(types.float64, types.int64, REQUESTS, _floats))
SECONDS = types.FunctionType(
    types.UniTuple(types.float64, 3)(_ints, _ints, types.int64, types.float64, types.int64, _floats)
)


class Hooks(NamedTuple):
    """The policies of a run, compiled; what they remember stands in the world."""

    choose: Any
    rank: Any
    budget: Any
    admit: Any
    score: Any
    retain: Any
    learn: Any
    seconds: Any


HOOKS = (CHOOSE, RANK, BUDGET, ADMIT, SCORE, RETAIN, LEARN, SECONDS)
