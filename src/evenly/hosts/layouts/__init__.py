"""A transformer cut over two processes as a plan says, and how well the plan's simulator foresees it.

`network` holds the weights, cuts them, and computes plainly; `exchange` is what two workers say to each other; `part`
computes what one of them has; `script` composes the passes; `worker` is a process; `crew` runs both; `fitted` makes
tables of what was measured; `measure` says what they are worth on this machine.
"""
