"""A row of processes under a power budget, held by the policies of the simulator: real work and real delays, on a CPU.

Each worker serves requests one after the other: products of small matrices, which keep the core busy like a prompt,
then copies of memory, like tokens. Its clock is a duty cycle: after each piece of work it rests in proportion. What a
worker draws is a proxy, as power meters are seldom readable: idle power, and above it that of its phase times the share
of its time in which it did not rest of its own will. So other work on the machine, which only makes pieces take longer,
changes nothing. Where the energy counter of the processor can be read, its joules stand beside.

`bench` is the machinery and the board that all share, `worker` a process, `control` the loop that steers them, and
`measure` says what a policy is worth that was fitted to other runs than those it is judged by.
"""
