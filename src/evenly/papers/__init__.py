"""Published figures beside ours.

A published system is two files here, found by their name; nothing else is edited.

`NAME.yaml` says what was claimed (fields and their meaning: `evidence.Paper` and `evidence.Claim`)::

    title: "A better scheduler"
    authors: "A. Author and B. Author"
    year: 2024
    link: https://arxiv.org/abs/2401.00000
    licence: "synthetic workload; no data set needed"
    about: One paragraph for the catalogue.
    claims:
      - setting: "70B, 4 x A100, 16 clients"
        metric: P95 token gap, baseline over system
        unit: x
        paper: 3.7          # null where the source states an order only
        low: 3.0            # the band that counts as reproduced; -.inf and .inf leave a side open
        high: 4.2
        source: "figure 5"
        measure: tails      # a function of NAME.py
        key: p95_ratio      # its key, where the function returns a mapping
        known_miss: >       # only where we know that ours lies outside, with the reason
          ...

`NAME.py` holds the functions that measure: `def tails(seed: int) -> dict[str, float]` (or one float). A function runs
once a seed, whatever the number of claims that read it, so one simulation serves many claims; a function without
parameters does not depend on chance and runs once. It raises `reproduce.Skipped` with a reason where something that it
needs, such as a public data set, is absent.

`reproduce.reproduce(NAME)` returns the rows, `table.table(rows)` draws them, `reproduce.exit_code(rows)` judges them.
"""
