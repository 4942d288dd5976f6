"""Holds a tree against the root log, so that a partner knows to be shown the same history as everybody: `Anchored`.

Whoever has the blinding key of a tree can tell which entries of the root log are its checkpoints. Each of the partner's
list has to be there once, where the list says, and commit to the checkpoint that the tree had at that size; and there
may be none that the list does not have, which would be a checkpoint of a history that was shown to somebody else.
"""

from array import array
from collections.abc import Callable, Iterable
from typing import Final, NoReturn

from msgspec import Struct

from gateway.tlog.anchors import (
    FOLDER,
    KEY,
    LATEST,
    RootEntry,
    commitment_of,
    page_path,
    parse_key,
    parse_latest,
    parse_page_path,
    read_anchors,
    tag_of,
)
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.source import Source
from gateway.tlog.tiles import WIDTH, TileError
from gateway.tlog.tree_report import NO_INDEX, TreeFault, UnsoundError

HIDDEN_MAX: Final = 16
"""Whoever was shown a longer list than this one has a checkpoint with the next number, and one with each after it."""


class RootWatch:
    """Hands the entries of the root log to the trees whose they are; `unclaimed` counts those of none of them."""

    def __init__(self, trees: Iterable["Anchored"]) -> None:
        self._by_tag = {tag: tree for tree in trees for tag in tree.tags}
        self.unclaimed = 0

    def root_entry(self, index: int, entry: RootEntry) -> None:
        """For the Watch of the root log."""
        tree = self._by_tag.get(entry.tag)
        if tree is None:
            self.unclaimed += 1
        else:
            tree.root_entry(index, entry)


class AnchorsReport(Struct, frozen=True):
    """`count` checkpoints of the tree stand in the root log as they should; the last was one of `size` entries.

    `pending` more are in the list and are not under the published checkpoints yet, of the tree or of the root log: the
    list is published first.
    """

    count: int
    size: int
    pending: int


class Anchored:
    """A tree's anchors, followed through the walk of the tree and then that of the root log.

    `sizes` and `root_at` are for the Watch of the tree, `root_entry` for that of the root log, `report` for the end.
    Faults: anchors-list, anchors-key, anchors-place, anchors-commitment, anchors-twice, anchors-missing,
    anchors-hidden.
    """

    def __init__(self, tree: Source, key: bytes, sizes: "array[int]", places: "array[int]") -> None:
        """`sizes` are those of the tree and `places` indices in the root log, by the number of the checkpoint."""
        self._tree, self._key = tree, key
        self._sizes, self._places = sizes, places
        self._commitments: list[str] = []
        self._numbers = {tag_of(key, number): number for number in range(len(sizes) + HIDDEN_MAX)}
        self._met = 0

    @property
    def sizes(self) -> list[int]:
        """The sizes whose roots are to be told, each once."""
        return list(dict.fromkeys(self._sizes))

    def root_at(self, origin: str) -> Callable[[int, bytes], None]:
        """Takes the roots of the tree at these sizes, in order."""

        def take(size: int, root: bytes) -> None:
            text = Checkpoint(origin, size, root).text()
            while len(self._commitments) < len(self._sizes) and self._sizes[len(self._commitments)] == size:
                self._commitments.append(commitment_of(self._key, len(self._commitments), text))

        return take

    @property
    def tags(self) -> Iterable[str]:
        """What marks entries of the root log as this tree's, those among them that there may not be."""
        return self._numbers

    def root_entry(self, index: int, entry: RootEntry) -> None:
        """Takes an entry of the root log; in order, and others than this tree's as well."""
        number = self._numbers.get(entry.tag)
        if number is None:
            return
        if number >= len(self._places):
            if number < (parse_latest(self._tree.fetch(LATEST) or b"") or 0):
                return  # made since the list was read
            listed = f"{len(self._places)} checkpoints"
            self._stop("anchors-hidden", NO_INDEX, listed, f"checkpoint {number} at {index} of the root log")
        if number < self._met:
            self._stop("anchors-twice", number, f"checkpoint {number} once", f"another one at {index} of the root log")
        if number > self._met or self._places[number] != index:
            expected = f"checkpoint {self._met} next, at {self._places[self._met]} of the root log"
            self._stop("anchors-place", self._met, expected, f"checkpoint {number} at {index}")
        if number < len(self._commitments) and entry.checkpoint != self._commitments[number]:
            self._stop("anchors-commitment", number, self._commitments[number], entry.checkpoint)
        self._met += 1

    def report(self, root_size: int) -> AnchorsReport:
        """What was found, once both walks have ended. Raises UnsoundError when a checkpoint was not met."""
        if self._met < len(self._places) and self._places[self._met] < root_size:
            place = self._places[self._met]
            self._stop("anchors-missing", self._met, f"checkpoint {self._met} at {place} of the root log", "another")
        count = min(self._met, len(self._commitments))
        return AnchorsReport(count, self._sizes[count - 1] if count else 0, len(self._places) - count)

    def _stop(self, kind: str, number: int, expected: str, found: str) -> NoReturn:
        path = LATEST if number == NO_INDEX else page_path(number // WIDTH, min(WIDTH, _width(number, self._places)))
        raise UnsoundError(TreeFault(kind, self._tree.where, path, number, expected, found))


def read_anchored(tree: Source) -> Anchored | None:
    """The list of anchors beside a tree, to be read before the root log is; None when there is none.

    Raises UnsoundError for a list that cannot be one, TileError, OSError, SourceError.
    """
    latest, key_data = tree.fetch(LATEST), tree.fetch(KEY)
    if latest is None and key_data is None:
        return None

    def stop(kind: str, path: str, expected: str, found: str) -> NoReturn:
        raise UnsoundError(TreeFault(kind, tree.where, path, NO_INDEX, expected, found))

    count = parse_latest(latest) if latest is not None else 0
    if count is None:
        stop("anchors-list", LATEST, "a number on one line", f"{len(latest or b'')} bytes that are none")
    key = parse_key(key_data) if key_data is not None else None
    if key is None:
        found = "nothing" if key_data is None else f"{len(key_data)} bytes that are none"
        stop("anchors-key", KEY, "the blinding key, 64 hexadecimal digits on one line", found)
    sizes, places = array("q"), array("q")
    for anchor in read_anchors(tree.fetch, count):
        last_size, last_place = (sizes[-1], places[-1]) if sizes else (0, -1)
        if not last_size <= anchor.size or anchor.root_index <= last_place:
            path = page_path(anchor.number // WIDTH, min(WIDTH, count - anchor.number // WIDTH * WIDTH))
            expected = f"line {anchor.number}: at least {last_size} entries, behind {last_place} of the root log"
            stop("anchors-list", path, expected, f"{anchor.size} entries, at {anchor.root_index}")
        sizes.append(anchor.size)
        places.append(anchor.root_index)
    _earlier_pages(tree, count)
    return Anchored(tree, key, sizes, places)


def _earlier_pages(tree: Source, count: int) -> None:
    """Shorter pages that are still there are the beginning of the ones that are there now."""
    for name in tree.names(FOLDER) if tree.names is not None else ():
        path = f"{FOLDER}/{name}"
        place = parse_page_path(path)
        if place is None:
            continue
        index, width = place
        now = min(WIDTH, count - index * WIDTH)
        if not width < now:
            continue
        old, new = tree.fetch(path), tree.fetch(page_path(index, now)) or tree.fetch(page_path(index))
        if old is not None and new is not None and old != b"".join(new.splitlines(keepends=True)[:width]):
            raise TileError(path, "not the beginning of what stands there now")


def _width(number: int, places: "array[int]") -> int:
    return len(places) - number // WIDTH * WIDTH
