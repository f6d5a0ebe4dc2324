"""The length of a pass from the flat tables of a measured profile."""

from evenly.core import Floats, Ints


class Passes:
    """What the cost models that read measured kernels share; compiled, hence one function."""

    __slots__ = ()

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
            if prompts > 1:  # a long history weighs as if alone, however short the prompts beside it
                for k in range(rank, len(chunk), ranks):
                    single, _, _ = grid(int(tables[7]), float(chunk[k]), float(before[k]), float(mine), mean)
                    attended = max(attended, single)
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
