"""Layers of any shape, for laws."""

from hypothesis import strategies as st

from evenly.hardware.overlap.graph import Graph, Nano

OPERATIONS = ("query", "decode", "output", "up", "down")


@st.composite
def layers(draw: st.DrawFn, most: int = 8) -> Graph:
    """Return a layer of nano-operations that wait for earlier ones, and the first for the last of the layer before."""
    count = draw(st.integers(2, most))
    nanos = tuple(
        Nano(OPERATIONS[k % 5], 0, 128, draw(st.integers(0, 2)), draw(st.integers(1, 9)) * 1e-4) for k in range(count)
    )
    edges = tuple((i, j, 0) for j in range(count) for i in range(j) if draw(st.integers(0, 3)) == 0)
    return Graph(nanos, (*edges, (count - 1, 0, 1)))
