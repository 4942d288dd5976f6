"""Counts of each partner's records: how they are written at the start of a segment, and how they are read back.

A partner sees its own records alone. Because a writer numbers them without gaps, one that is left out shows.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.json import encode

from gateway.audit.leaf import Counters, Entry, Leaf, Opening

CHUNK_BYTES: Final = 60_000
"""What the pairs of one Counters record may take, so that the leaf stays below 65,535 bytes."""


def partner_of(entry: Entry) -> str:
    """Whose record this is: the partner's, or the hub's own ("")."""
    return getattr(entry, "partner", "")


def block_of(counts: Mapping[str, int], time_us: int) -> list[Counters]:
    """The records that a segment begins with: all counts, by partner, in as many records as they need."""
    chunks: list[list[tuple[str, int]]] = [[]]
    room = CHUNK_BYTES
    for pair in sorted(counts.items()):
        size = len(encode(pair)) + 1
        if size > room and chunks[-1]:
            chunks.append([])
            room = CHUNK_BYTES
        chunks[-1].append(pair)
        room -= size
    last = len(chunks) - 1
    return [Counters(time_us, tuple(chunk), number < last) for number, chunk in enumerate(chunks)]


class BlockReader:
    """Follows the Counters at the start of one segment.

    `base` are the counts before the segment, None as long as it does not tell: a crash may have come before the whole
    block was written, and the Opening of the next epoch then stands in its place. `reading` is True until it is known
    whether there is a block.
    """

    def __init__(self, segment: int) -> None:
        self.reading = segment > 1
        self.base: dict[str, int] | None = None if self.reading else {}
        self.pairs: dict[str, int] = {}

    def read(self, leaf: Leaf) -> str | None:
        """Take the next record while `reading`, or any Counters; what should have stood in its place, None if it may.

        A segment that begins in version 1 has only such records before it, which were not counted.
        """
        entry = leaf.entry
        if not self.reading:
            return "no counters record" if isinstance(entry, Counters) else None
        if isinstance(entry, Counters):
            self.pairs.update(entry.counts)
            if not entry.more:
                self.reading, self.base = False, self.pairs
        elif leaf.v == 1:
            self.reading, self.base = False, {}
        elif isinstance(entry, Opening):
            self.reading = False
        else:
            return "a counters record"
        return None
