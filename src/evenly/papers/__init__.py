"""Published figures beside ours.

A published system is two files here: `NAME.yaml` holds what was claimed (title, link, hosts, scenario and the claims,
each with setting, metric, unit, published value, accepted band and source), and `NAME.py` holds the functions that
measure it. Such a function takes a seed and returns one figure, or many in a mapping whose keys are the claims' keys,
so that one simulation serves many claims. A claim that is known to miss its band says so, with the reason, in
`known_miss`; nothing else may miss.
"""
