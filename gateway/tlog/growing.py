"""The blocking part of a step: writes the files that an intent leads to, makes them durable, and checks them.

What is written follows from the committed state and the records alone, so whoever repeats an unfinished step writes the
same bytes to the same paths. Nothing here is seen by a client before a checkpoint says so.
"""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, structs

from gateway.store.log_state import TreeState
from gateway.tlog import anchors
from gateway.tlog.anchors import Anchor, extended_pages, format_key, root_entry
from gateway.tlog.chaining import Leaves
from gateway.tlog.checkpoint import Checkpoint, sign_checkpoint
from gateway.tlog.extend import Edge, Extension, TreeFault, extend, load_edge, verify_extension
from gateway.tlog.keys import LogKeys
from gateway.tlog.layout import CHECKPOINT, ROOT, VKEY
from gateway.tlog.merkle import EMPTY_ROOT, leaf_hash
from gateway.tlog.note import parse_note
from gateway.tlog.target import Target
from gateway.tlog.tiles import WIDTH, Fetch


class Grown(Struct, frozen=True):
    """Heads of the trees that changed, signed, and paths of files that others have replaced."""

    trees: dict[str, TreeState]
    stale: list[str]


class Corrupt(Struct, frozen=True):
    """A published file that is not what belongs there; `path` is the target's."""

    path: str
    detail: str


Outcome: TypeAlias = Grown | Corrupt


class Growing:
    """Trees at a target, under keys. Methods block; they raise OSError."""

    def __init__(self, target: Target, keys: LogKeys) -> None:
        self._target, self._keys = target, keys

    def put(self, trees: Mapping[str, TreeState], leaves: Mapping[str, Leaves], now_us: int) -> Outcome:
        """Put records behind the trees, flush, read back and check. Trees are made as they are needed."""
        extensions: dict[str, Extension] = {}
        for tree in sorted(leaves):
            extension = self._extend(tree, trees.get(tree), leaves[tree])
            if isinstance(extension, Corrupt):
                return extension
            extensions[tree] = extension
        self._target.flush()
        grown: dict[str, TreeState] = {}
        for tree, extension in extensions.items():
            fault = self._check(tree, trees.get(tree), extension)
            if fault is not None:
                return fault
            grown[tree] = self._head(tree, trees.get(tree), extension, now_us)
        return Grown(grown, [f"{tree}/{path}" for tree, each in extensions.items() for path in each.stale])

    def anchor(self, trees: Mapping[str, TreeState], now_us: int) -> Outcome:
        """Put the checkpoints of all trees that have changed since their last one into the root log, by name."""
        first = trees[ROOT].size if ROOT in trees else 0
        pages: dict[str, bytes] = {}
        stale: list[str] = []
        entries: list[bytes] = []
        anchored: dict[str, TreeState] = {}
        for tree in unanchored(trees):
            entries.append(self._root_entry(tree).encode())
            found = self._pages(tree, Anchor(tree.anchors, tree.size, first + len(anchored)))
            if isinstance(found, Corrupt):
                return found
            pages.update((f"{tree.name}/{path}", data) for path, data in found.files.items())
            stale.extend(f"{tree.name}/{path}" for path in found.stale)
            anchored[tree.name] = structs.replace(tree, anchors=tree.anchors + 1, anchored_size=tree.size)
        for path, data in pages.items():
            self._target.write(path, data)
        grown = self.put(trees, {ROOT: Leaves(entries, [leaf_hash(entry) for entry in entries])}, now_us)
        if isinstance(grown, Corrupt):
            return grown
        for path, data in pages.items():
            if self._target.read(path) != data:
                return Corrupt(path, "not what was written")
        return Grown({**anchored, **grown.trees}, [*stale, *grown.stale])

    def _extend(self, tree: str, head: TreeState | None, leaves: Leaves) -> Extension | Corrupt:
        edge: Edge | TreeFault = Edge()
        if head is None:
            if self._target.read(f"{tree}/{CHECKPOINT}") is not None:
                return Corrupt(f"{tree}/{CHECKPOINT}", "the state store knows nothing of this tree")
            self._target.write(f"{tree}/{VKEY}", f"{self._keys.verifier(tree).text()}\n".encode())
            if tree != ROOT:
                self._target.write(f"{tree}/{anchors.KEY}", format_key(self._keys.blinding_key(tree)))
        else:
            edge = load_edge(self._fetch(tree), head.size, head.root)
        if isinstance(edge, TreeFault):
            return Corrupt(f"{tree}/{edge.path}", edge.detail)
        extension = extend(edge, leaves.entries, leaves.hashes)
        for path, data in extension.files.items():
            self._target.write(f"{tree}/{path}", data)
        return extension

    def _check(self, tree: str, head: TreeState | None, extension: Extension) -> Corrupt | None:
        size, root = (head.size, head.root) if head is not None else (0, EMPTY_ROOT)
        fault = verify_extension(self._fetch(tree), size, root, extension.edge.size, extension.root)
        return None if fault is None else Corrupt(f"{tree}/{fault.path}", fault.detail)

    def _head(self, tree: str, head: TreeState | None, extension: Extension, now_us: int) -> TreeState:
        checkpoint = Checkpoint(self._keys.origin_of(tree), extension.edge.size, extension.root)
        note = sign_checkpoint(checkpoint, self._keys.signer(tree)).encode().decode()
        if head is None:
            return TreeState(tree, checkpoint.size, checkpoint.root, note, now_us)
        return structs.replace(head, size=checkpoint.size, root=checkpoint.root, checkpoint=note, committed_us=now_us)

    def _root_entry(self, tree: TreeState) -> anchors.RootEntry:
        note = parse_note(tree.checkpoint.encode())
        assert note is not None  # noqa: S101 - we signed it
        return root_entry(self._keys.blinding_key(tree.name), tree.anchors, note.text)

    def _pages(self, tree: TreeState, anchor: Anchor) -> anchors.Pages | Corrupt:
        index, width = divmod(tree.anchors, WIDTH)
        partial = b""
        if width:
            path = f"{tree.name}/{anchors.page_path(index, width)}"
            found = self._target.read(path)
            if found is None or anchors.parse_page(found, index * WIDTH, width) is None:
                return Corrupt(path, "not the anchors that should stand there")
            partial = found
        return extended_pages(tree.anchors, partial, [anchor])

    def _fetch(self, tree: str) -> Fetch:
        return lambda path: self._target.read(f"{tree}/{path}")


def unanchored(trees: Mapping[str, TreeState]) -> list[TreeState]:
    """The trees that have grown since their last checkpoint in the root log, by name."""
    return [trees[name] for name in sorted(trees) if name != ROOT and trees[name].size > trees[name].anchored_size]
