"""Kernel times measured on a real card."""

from dataclasses import dataclass

from evenly.core import Floats, Ints
from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles.exchange import exchange
from evenly.hardware.profiles.load import load
from evenly.hardware.profiles.pack import pack


@dataclass(frozen=True, slots=True)
class Profile:
    """Sum the measured kernels of a pass: layers by tokens, attention by a four-dimensional grid, head by sequences.

    Reads the folders that LLMServingSim, Vidur and AIConfigurator publish, told apart by content; see the page on
    hardware for what each lacks and what is assumed instead. Prompts of one pass count as one prompt with the same
    number of token pairs. Contexts of unequal length take the mean plus the measured share of the way to the longest.

    With `ranks` above 1, one replica stands for that many engines in step that share the experts of each layer:
    prompts are dealt to the ranks in turn, decodes evenly, the slowest rank sets the pace, and every layer exchanges
    tokens over the device's link. Give the engine `ranks` times the seats and the budget of one rank.

    Reference: Cho et al., "LLMServingSim: a HW/SW co-simulation infrastructure for LLM inference serving at scale",
    2024; Agrawal et al., "Vidur: a large-scale simulation framework for LLM inference", 2024.
    """

    path: str
    "Folder of the profile."
    attention: str = ""
    "File of the attention table, for formats that keep it elsewhere."
    network: str = ""
    "File of measured all-reduces; by default the ring formula over the device's link."
    host: float = 0.0
    "Seconds of host work in each pass that no kernel hides."
    ranks: int = 1
    "Data-parallel engines in step that share the experts."
    graph: int = 256
    "Tokens up to which the ranks of a pass run at the width of the widest, as captured graphs do."

    def __post_init__(self) -> None:
        if not 0 <= self.host < float("inf"):
            raise ValueError(f"host is at least 0 seconds, not {self.host}")
        if self.ranks < 1 or self.graph < 0:
            raise ValueError(f"ranks is at least 1 and graph at least 0, not {self.ranks} and {self.graph}")

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return the profile, flat; `evenly.hardware.profiles.pack` says how.

        Raises `ValueError` if the folder holds no profile of this model on so many devices.
        """
        measured = load(self.path, model, device, tensor, self.ranks, self.attention, self.network)
        sends = exchange(model, device, self.ranks) if self.ranks > 1 and model.experts else None
        return pack(measured, model.layers, self.host, self.ranks, self.graph, sends)

    @staticmethod
    def seconds(
        chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return the length of the pass; it grows along the grid until a context leaves its cell or bucket."""

        def curve(at: int, x: float) -> float:
            count = int(tables[at])
            if x <= tables[at + 1] or count == 1:
                return float(tables[at + 1 + count])
            low = 1
            high = count - 1
            while low < high:
                half = (low + high) // 2
                if tables[at + 1 + half] < x:
                    low = half + 1
                else:
                    high = half
            left = tables[at + low]
            below = tables[at + count + low]
            slope = (tables[at + 1 + count + low] - below) / (tables[at + 1 + low] - left)
            return float(below + slope * (x - left))

        def cell(at: int, count: int, x: float) -> int:
            low = 0
            while low < count - 2 and tables[at + low + 1] <= x:
                low += 1
            return low

        def bucket(at: int, count: int, x: float) -> int:
            low = 0
            while low < count and tables[at + low] < x:
                low += 1
            return low

        def grid(at: int, c: float, h: float, n: float, d: float) -> tuple[float, float, float]:
            """Return seconds, their slope along contexts, and where this cell of contexts ends."""
            cs, hs, ns, ds = int(tables[at]), int(tables[at + 1]), int(tables[at + 2]), int(tables[at + 3])
            ca, ha, na, da = at + 4, at + 4 + cs, at + 4 + cs + hs, at + 4 + cs + hs + ns
            ci, hi, ni, di = cell(ca, cs, c), cell(ha, hs, h), cell(na, ns, n), cell(da, ds, d)
            cw = (c - tables[ca + ci]) / (tables[ca + ci + 1] - tables[ca + ci])
            hw = (h - tables[ha + hi]) / (tables[ha + hi + 1] - tables[ha + hi])
            nw = (n - tables[na + ni]) / (tables[na + ni + 1] - tables[na + ni])
            width = tables[da + di + 1] - tables[da + di]
            low = 0.0
            high = 0.0
            for corner in range(8):
                i, j, k = corner & 1, corner >> 1 & 1, corner >> 2
                weight = (cw if i else 1 - cw) * (hw if j else 1 - hw) * (nw if k else 1 - nw)
                place = da + ds + (((ci + i) * hs + hi + j) * ns + ni + k) * ds + di
                low += weight * tables[place]
                high += weight * tables[place + 1]
            slope = (high - low) / width
            end = tables[da + di + 1] if di < ds - 2 else 1e15
            return low + slope * (d - tables[da + di]), slope, end

        ranks = int(tables[1])
        mean = resident / decodes if decodes > 0 else 0.0
        widest = 0.0
        gathered = 0.0
        for rank in range(ranks):
            rows = float((decodes + rank) // ranks)
            for k in range(rank, len(chunk), ranks):
                rows += chunk[k]
            widest = max(widest, rows)
            gathered += max(rows, 1.0)  # an idle rank runs along with one token
        padded = ranks > 1 and widest <= tables[2]
        if padded:
            gathered = ranks * widest
        slowest = 0.0
        growth = 0.0
        passes = 1.0
        for rank in range(0 if len(chunk) > 0 else ranks - 1, ranks):  # without prompts the last has the most decodes
            mine = (decodes + rank) // ranks
            prompts = 0
            fresh = 0.0
            pairs = 0.0
            for k in range(rank, len(chunk), ranks):
                prompts += 1
                fresh += chunk[k]
                pairs += chunk[k] * (before[k] + 0.5 * chunk[k])
            held = pairs / fresh - 0.5 * fresh if fresh > 0 else 0.0
            alike = fresh
            if held < 0:  # several prompts: as one with as many pairs
                alike = (2.0 * pairs) ** 0.5
                held = 0.0
            attended, slope, end = grid(int(tables[7]), alike, held, float(mine), mean)
            last = end - mean
            skew = int(tables[8])
            if skew > 0 and mine > 1 and longest > mean:
                top, steep, end = grid(int(tables[7]), alike, held, float(mine), float(longest))
                last = min(last, end - longest)
                ps, ns, rs = int(tables[skew]), int(tables[skew + 1]), int(tables[skew + 2])
                ls, hs = int(tables[skew + 3]), int(tables[skew + 4])
                at = skew + 5
                p = bucket(at, ps, fresh)
                if p < ps and tables[at + p] != fresh:
                    p = ps  # a number of prompt tokens that was not profiled: the pooled share
                n = bucket(at + ps, ns, float(mine))
                r = bucket(at + ps + ns, rs, mean / longest)
                b = bucket(at + ps + ns + rs, ls, float(longest))
                h = bucket(at + ps + ns + rs + ls, hs, held)
                place = (((p * (ns + 1) + n) * (rs + 1) + r) * (ls + 1) + b) * (hs + 1) + h
                share = tables[at + ps + ns + rs + ls + hs + place]
                attended += share * (top - attended)
                slope += share * (steep - slope)
                if r < rs:  # contexts that grow alike become more alike
                    edge = tables[at + ps + ns + r]
                    last = min(last, (edge * longest - mean) / (1.0 - edge))
                if b < ls:
                    last = min(last, tables[at + ps + ns + rs + b] - longest)
            took = curve(int(tables[3]), widest if padded else mine + fresh) + attended
            took += curve(int(tables[4]), float(mine + prompts))
            if took > slowest:
                slowest = took
                growth = slope
                passes = max(1.0, 1.0 + float(int(min(last - 1e-6, 1e15))))
        shared = tables[0]
        if tables[5] > 0:
            shared += curve(int(tables[5]), gathered)
        if tables[6] > 0:
            shared += curve(int(tables[6]), widest)
        if len(chunk) > 0:
            passes = 1.0
        return slowest + shared, growth, passes

    def facts(self) -> dict[str, str | int | float]:
        """Return where the times come from and what was assumed beside them."""
        return {
            "profile": self.path,
            "host overhead": self.host,
            "prompts of one pass": "as one prompt with as many token pairs",
            "shortest context of a batch": "0 in the measure of its skew",
            "ranks": self.ranks,
            "routing": "tokens choose experts evenly",
        }
