"""Traces worked out by hand: who computes what in every pass, who gives way, and how many blocks stay free.

A row is (prompt tokens by chunk, requests that get a token, preempted, free blocks). Blocks hold 4 tokens unless a test
says otherwise; a decode takes a block only when its last one is full. Both the compiled kernel and its twin must give
these rows; only the twin knows the free blocks of each pass.
"""

import itertools
from typing import Any

import numpy as np

from tests.serve.twin.jobs import Job, Setup
from tests.serve.twin.kernel import price, simulate
from tests.serve.twin.run import run

A, B, C, D = range(4)
Row = tuple[tuple[int, ...], tuple[int, ...], int, int]


def play(setup: Setup, *jobs: Job) -> tuple[list[Row], Any]:
    """Return the rows, once kernel and twin agree on them, and the kernel's requests."""
    _, passes = run(setup, jobs, price)
    rows = []
    for one in passes:
        end = one.start + one.seconds
        served = tuple(job.index for job in jobs if end in job.times)
        rows.append((tuple(count for count, _ in one.chunks), served, len(one.preempted), one.free))
    kernel, diary = simulate(setup, jobs)
    diaries = diary.read(len(kernel.log))
    starts = np.concatenate(([0], np.cumsum([job.output for job in jobs])))
    times = [kernel.tokens[one:other] for one, other in itertools.pairwise(starts)]
    for row, (chunks, *_), entry in zip(rows, diaries, kernel.log, strict=True):
        served = tuple(job.index for job in jobs if entry[2] in times[job.index])
        assert row[:3] == (tuple(count for count, _ in chunks), served, entry[7])
    return rows, kernel.requests


def job(index: int, prompt: int, output: int, arrival: float = 0.0, **more: Any) -> Job:
    return Job(index=index, prompt=prompt, output=output, arrival=arrival, **more)


EARLY = 0.001  # during the first pass: a pass takes at least 11 ms


def test_vllm_v0_stalls_decodes_for_prompts_and_recomputes_from_the_front_of_the_queue() -> None:
    setup = Setup(engine="vllm-v0", blocks=10, block=4, longest=64, budget=64)
    rows, requests = play(setup, job(A, 15, 8), job(B, 14, 8), job(C, 8, 3, EARLY))
    assert rows == [
        ((15, 14), (A, B), 0, 2),  # 4 + 4 blocks
        ((8,), (C,), 0, 0),  # C takes 2; A and B wait although they could go on: the stall
        ((), (A, B), 1, 2),  # token 9 of C needs a block: C is the last of the line, so its own victim
        ((), (A, B), 0, 1),  # C now needs ceil(9 / 4) = 3 blocks; A takes one for token 17
        ((), (A, B), 0, 0),  # B takes one for token 17
        ((), (A, B), 0, 0),
        ((), (A, B), 0, 0),
        ((), (A,), 1, 4),  # token 21 of A: B is last, gives 5, A takes 1; B goes in front of C
        ((), (A,), 0, 4),  # B has 20 tokens, needs 5: it also blocks C, which needs 3. A ends, 10 are free
        ((20, 9), (B, C), 0, 2),  # both recompute prompt and generated tokens: 5 + 3 blocks
        ((), (B, C), 0, 1),  # token 21 of B
    ]
    assert requests["preemptions"].tolist() == [0, 1, 1]


def test_vllm_v0_swaps_and_swapped_requests_beat_new_prompts() -> None:
    setup = Setup(engine="vllm-v0", blocks=10, block=4, longest=64, budget=64, swap=True)
    rows, requests = play(setup, job(A, 15, 8), job(B, 14, 8), job(C, 8, 3, EARLY), job(D, 4, 1, 0.03))
    assert rows == [
        ((15, 14), (A, B), 0, 2),
        ((8,), (C,), 0, 0),
        ((), (A, B), 1, 2),  # C is swapped out with 2 blocks; D arrives
        ((), (A, B), 0, 1),  # D would fit, but somebody is swapped out; C needs 2 + 1
        ((), (A, B), 0, 0),
        ((), (A, B), 0, 0),
        ((), (A, B), 0, 0),
        ((), (A,), 1, 4),  # B is swapped out with 5 blocks, behind C
        ((), (A, C), 0, 1),  # C comes back: 2 blocks, and one for token 9; B needs 5 + 1. A ends: 7 are free
        ((), (B, C), 0, 2),  # B comes back with 5 blocks; its token 20 fits into them. C ends: 5 are free
        ((4,), (D,), 0, 4),  # nobody is swapped out: the prompt runs, alone. D ends
        ((), (B,), 0, 4),  # token 21 of B
    ]
    assert requests["preemptions"].tolist() == [0, 1, 1, 0]


def test_vllm_v0_gives_up_a_request_that_grew_beyond_the_watermark_and_was_preempted() -> None:
    setup = Setup(engine="vllm-v0", blocks=10, block=4, longest=64, budget=64, watermark=2)
    rows, requests = play(setup, job(A, 1, 6), job(B, 28, 10))
    assert rows == [
        ((1, 28), (A, B), 0, 2),  # 1 + 7 blocks: exactly the watermark stays
        ((), (A, B), 0, 1),  # decodes may use it: token 29 of B
        ((), (A, B), 0, 1),
        ((), (A, B), 0, 1),
        ((), (A, B), 0, 0),  # token 5 of A
        ((), (A,), 1, 8),  # token 33 of B: it is its own victim, and would need 9 + 2 of 10 blocks to start again
    ]
    assert np.isnan(requests["finish"]).tolist() == [False, True]


def test_vllm_v0_chunked_cuts_prompts_to_the_rest_of_the_budget_but_reserves_them_whole() -> None:
    setup = Setup(engine="vllm-v0-chunked", blocks=10, block=4, longest=64, budget=8, seats=8)
    rows, _ = play(setup, job(A, 6, 4), job(B, 12, 2), job(C, 5, 2))
    assert rows == [
        ((6, 2), (A,), 0, 5),  # A takes 2 blocks, B all its 3 for a chunk of 2
        ((7,), (A,), 0, 5),  # 1 + 7 = 8
        ((3, 4), (A, B), 0, 3),  # B ends its prompt; 8 - 1 - 3 = 4 tokens for C, blocks for 5
        ((1,), (A, B, C), 0, 1),  # token 9 of A and token 13 of B take a block each; both end
        ((), (C,), 0, 8),
    ]


def test_vllm_v1_admits_on_the_first_chunk_and_preempts_the_last_to_the_front_of_the_queue() -> None:
    setup = Setup(engine="vllm-v1", blocks=11, block=4, longest=64, budget=16, seats=8)  # one is the null block
    rows, requests = play(setup, job(A, 14, 6), job(B, 20, 3), job(C, 4, 2))
    assert rows == [
        ((14, 2), (A,), 0, 5),  # B starts with 2 tokens in 1 block
        ((15,), (A,), 0, 1),  # 17 tokens of B: 5 blocks
        ((3, 4), (A, B, C), 0, 0),
        ((), (A,), 2, 5),  # token 17 of A: C, the last, gives its block; token 21 of B: B is the last now
        ((15,), (A,), 0, 1),  # B stands in front of C; 15 of its 21 tokens, 4 of the 5 blocks
        ((), (A,), 1, 5),  # its other 6 need 2 blocks: thrown out again, and nobody starts in this pass. A ends
        ((16,), (), 0, 6),
        ((5, 5), (B, C), 0, 2),  # C recomputes 4 + 1 and ends
        ((), (B,), 0, 4),
    ]
    assert requests["preemptions"].tolist() == [0, 2, 1]


def test_vllm_v1_hits_all_but_the_last_block_of_an_exact_repeat() -> None:
    setup = Setup(engine="vllm-v1", blocks=11, longest=64, budget=64, seats=8, cache=True)  # of 16 tokens
    rows, requests = play(setup, job(A, 32, 2, ids=(1, 2)), job(B, 32, 2, 1.0, ids=(1, 2)))
    assert rows == [
        ((32,), (A,), 0, 8),
        ((), (A,), 0, 7),
        ((16,), (B,), 0, 8),  # at most 31 tokens may hit: one whole block of 16. It leaves the free queue, one is new
        ((), (B,), 0, 7),
    ]
    assert requests["cached"].tolist() == [0, 16]


def test_vllm_v1_forgets_the_tail_of_a_sequence_first() -> None:
    setup = Setup(engine="vllm-v1", blocks=11, longest=200, budget=200, seats=8, cache=True)
    jobs = [
        job(A, 64, 1, ids=(1, 2, 3, 4)),  # blocks 0 1 2 3, freed in reverse: the queue is 4 5 6 7 8 9 3 2 1 0
        job(B, 128, 1, 1.0, ids=tuple(range(11, 19))),  # takes 4 to 9, then 3 and 2: forgets pieces 4 and 3
        job(C, 64, 1, 2.0, ids=(1, 2, 3, 4)),  # finds pieces 1 and 2
    ]
    rows, requests = play(setup, *jobs)
    assert rows == [((64,), (A,), 0, 6), ((128,), (B,), 0, 2), ((32,), (C,), 0, 6)]
    assert requests["cached"].tolist() == [0, 0, 32]


def test_vllm_v1_priority_preempts_the_least_urgent_even_when_it_is_in_the_pass_already() -> None:
    setup = Setup(engine="vllm-v1", blocks=11, block=4, longest=64, budget=32, seats=8, priority=True)
    rows, requests = play(setup, job(A, 16, 8, priority=1), job(B, 12, 7, EARLY), job(C, 12, 1, EARLY))
    assert rows == [
        ((16,), (A,), 0, 6),
        ((12,), (A, B), 0, 2),  # A takes a block for token 17, B its 3; C needs 3
        ((), (A, B), 0, 1),
        ((), (A, B), 0, 1),
        ((), (A, B), 0, 1),
        ((), (A, B), 0, 0),  # token 21 of A
        ((), (B,), 1, 5),  # token 17 of B: A is less urgent and leaves the pass; 6 come back, B takes 1
        ((12,), (B, C), 0, 2),  # C is more urgent than A, whose 19 tokens of room need 5 blocks. B and C end
        ((22,), (A,), 0, 4),  # 16 + 6 generated
        ((), (A,), 0, 4),
    ]
    assert requests["preemptions"].tolist() == [1, 0, 0]


def test_sarathi_evicts_an_unfinished_prompt_from_the_tail() -> None:
    setup = Setup(engine="sarathi", blocks=6, block=4, longest=24, budget=3, seats=8)
    rows, requests = play(setup, job(A, 8, 6), job(B, 12, 1))
    assert rows == [
        ((3,), (), 0, 4),  # blocks of the whole prompt
        ((3,), (), 0, 4),
        ((2, 1), (A,), 0, 1),
        ((2,), (A,), 0, 0),  # 1 + 2 tokens; A takes a block for token 9
        ((2,), (A,), 0, 0),
        ((2,), (A,), 0, 0),
        ((2,), (A,), 0, 0),
        ((), (A,), 1, 2),  # token 13 of A: B loses 9 computed tokens and 3 blocks, A takes 1. A ends
        ((3,), (), 0, 3),
        ((3,), (), 0, 3),
        ((3,), (), 0, 3),
        ((3,), (B,), 0, 3),
    ]
    assert requests["preemptions"].tolist() == [0, 1]


def test_orca_reserves_the_longest_sequence_and_mixes_whole_prompts_with_decodes() -> None:
    setup = Setup(engine="orca", blocks=10, block=4, longest=20, seats=8)
    rows, _ = play(setup, job(A, 6, 3), job(B, 12, 2), job(C, 5, 2))
    assert rows == [
        ((6, 12), (A, B), 0, 0),  # 5 blocks each
        ((), (A, B), 0, 0),  # B ends
        ((5,), (A, C), 0, 0),  # C's prompt runs beside A's decode. A ends
        ((), (C,), 0, 5),
    ]


def test_fastgen_flushes_the_last_entered_request_at_a_deadlock() -> None:
    setup = Setup(engine="fastgen", blocks=4, block=4, longest=16, budget=16, seats=8, batch=8)
    rows, requests = play(setup, job(A, 8, 4), job(B, 8, 4), job(C, 3, 1, EARLY))
    assert rows == [
        ((8, 8), (A, B), 0, 0),
        # Tokens 9 of A and B need a block each and wait; without a free block no prompt starts: a deadlock. B is
        # flushed and becomes a prompt of 9 tokens behind C. Then A takes 1 of its 2 blocks and C the other.
        ((3,), (A, C), 1, 0),
        ((), (A,), 0, 1),  # B needs 3 blocks
        ((), (A,), 0, 1),
        ((9,), (B,), 0, 1),
        ((), (B,), 0, 1),
        ((), (B,), 0, 1),
    ]
    assert requests["preemptions"].tolist() == [0, 1, 0]


def test_fastgen_cuts_a_prompt_to_the_budget_and_keeps_it_in_front() -> None:
    setup = Setup(engine="fastgen", blocks=10, block=4, longest=32, budget=8, seats=8, batch=8)
    rows, _ = play(setup, job(A, 6, 3), job(B, 12, 1), job(C, 5, 1))
    assert rows == [
        ((6, 2), (A,), 0, 7),  # exactly 8 tokens; only the blocks of the chunk are taken
        ((7,), (A,), 0, 5),
        ((3, 4), (A, B), 0, 4),  # B's rest comes before C; B's 12 tokens fill its 3 blocks. A and B end
        ((1,), (C,), 0, 8),
    ]
