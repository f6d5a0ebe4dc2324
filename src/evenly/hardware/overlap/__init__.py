"""Operations of one layer that run at the same time: graph, schedules, their search and their check.

`profile` holds measured times, `graph` the nano-operations of a layer and what waits for what, `interference` what a
share of the device is worth. `search` finds schedules, `exact` solves small ones, `check` examines any, and `timeline`
tells what one of them means for the resources.
"""
