"""Pipelines of stages: the domain of the scenario kind `pipeline`.

Rooms: `schedules` say in which order each device computes its passes, `timings` how long each of them takes.
"""
