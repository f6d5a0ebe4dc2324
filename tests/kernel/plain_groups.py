"""Block groups once more, in plain Python: lists and searches where the kernel has boundary tags and an index."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Group:
    page: int
    length: int
    used: int


@dataclass(slots=True)
class PlainGroups:
    """The same rules: grow into the tail, extend in place, smallest run that holds all, largest run, steal."""

    size: int
    owners: int
    free: list[tuple[int, int]] = field(init=False)  # page and length, oldest first
    groups: dict[int, list[Group]] = field(init=False)
    rank: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.free = [(0, self.size)]
        self.groups = {owner: [] for owner in range(self.owners)}
        self.rank = dict.fromkeys(range(self.owners), 0)

    def tail(self, owner: int) -> int:
        return self.groups[owner][-1].length - self.groups[owner][-1].used if self.groups[owner] else 0

    def held(self, owner: int) -> int:
        return sum(group.used for group in self.groups[owner])

    def available(self) -> int:
        return self.size - sum(self.held(owner) for owner in self.groups)

    def grow(self, owner: int, count: int, wanted: int) -> bool:
        if count > self.available():
            return False
        while count > 0:
            mine = self.groups[owner]
            if self.tail(owner) > 0:
                got = min(count, self.tail(owner))
                mine[-1].used += got
            elif mine and (got := self.take(mine[-1].page + mine[-1].length, count)) > 0:
                mine[-1].length += got
                mine[-1].used += got
            elif self.free:
                size = max(count, wanted)
                enough = [run for run in self.free if run[1] >= size]
                length = min(run[1] for run in enough) if enough else max(run[1] for run in self.free)
                page = [run[0] for run in self.free if run[1] == length][-1]
                length = self.take(page, size)
                got = min(count, length)
                mine.append(Group(page, length, got))
            else:
                robbed = min(
                    self.groups,
                    key=lambda other: (
                        (-self.rank[other], -self.tail(other), other) if self.tail(other) else (float("inf"), 0, 0)
                    ),
                )
                stolen = min(count, self.tail(robbed))
                group = self.groups[robbed][-1]
                group.length -= stolen
                self.release(group.page + group.length, stolen)
                got = 0
            count -= got
        return True

    def take(self, page: int, count: int) -> int:
        """Take up to `count` pages of the free run that begins at `page`; 0 if none does."""
        for run in self.free:
            if run[0] == page:
                self.free.remove(run)
                if run[1] > count:
                    self.free.append((page + count, run[1] - count))
                return min(count, run[1])
        return 0

    def release(self, page: int, length: int) -> None:
        for other, size in list(self.free):
            if other + size == page or page + length == other:
                self.free.remove((other, size))
                page, length = min(page, other), length + size
        self.free.append((page, length))

    def trim(self, owner: int, keep: int) -> None:
        if keep >= self.held(owner):
            return
        left, kept = keep, []
        for group in self.groups[owner]:
            stays = min(left, group.used)
            left -= stays
            if stays < group.length:
                self.release(group.page + stays, group.length - stays)
            if stays:
                kept.append(Group(group.page, stays, stays))
        self.groups[owner] = kept
