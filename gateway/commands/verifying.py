"""What `clausegate verify` checks of a log: segments, trees, anchors, and each against the other."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from gateway.audit.verify import FirstFault, WriterReport, verify_log
from gateway.commands.terminal import counted
from gateway.tlog.anchor_check import Anchored, AnchorsReport, RootWatch, read_anchored
from gateway.tlog.checking import check_tree, fault_of
from gateway.tlog.checkpoint import parse_checkpoint
from gateway.tlog.layout import CHECKPOINT, HUB, ROOT
from gateway.tlog.matching import Waiting, match_trees
from gateway.tlog.note import VerifierKey
from gateway.tlog.policy import Policy
from gateway.tlog.source import Source
from gateway.tlog.tiles import TileError
from gateway.tlog.tree_report import TreeFault, TreeReport, UnsoundError, Watch

Fault: TypeAlias = FirstFault | TreeFault
Stage: TypeAlias = Callable[[str], Callable[[int, int], None]]
"""Begins a stage of the work by its name, and gives what is to be told (done, in all)."""

PARTNERS = "partners/"


class Trust(Struct, frozen=True):
    """What was given to check against: keys of trees by their names (the origins), and a policy."""

    keys: dict[str, VerifierKey] = {}
    policy: Policy | None = None

    def key_of(self, source: Source, *, only: bool) -> VerifierKey | None:
        """The key for a tree. `only`: it is the one that is asked about, so that any other key is wrong for it."""
        found = self.keys.get(_origin(source))
        return found or (next(iter(self.keys.values()), None) if only else None)

    def policy_for(self, key: VerifierKey | None, *, is_witnessed: bool) -> Policy | None:
        """The policy, when it is for this tree: it names the log; or it names none, and witnesses look at this one."""
        if self.policy is None or not self.policy.logs:
            return self.policy if is_witnessed else None
        return self.policy if key is not None and any(log.key == key for log in self.policy.logs) else None


class Checked(Struct, frozen=True):
    """Everything that was checked is right. `unchecked` says what was not, and why.

    `anchors` is by the origin of the tree; `waiting` None: there were no segments, or no trees.
    """

    writers: tuple[WriterReport, ...] | None
    trees: tuple[TreeReport, ...]
    anchors: dict[str, AnchorsReport]
    waiting: Waiting | None
    unchecked: tuple[str, ...]


class Published(Struct, frozen=True):
    """Where trees are: `published` is the folder of all of them, None for a single tree; `trees` are their places."""

    trees: tuple[Source, ...]
    root: Source | None
    published: Source | None = None


def trees_in(published: Source, partners: Iterable[str]) -> Published | None:
    """The trees in a published folder, of these partners; None when nothing is published there yet."""
    folders = (published.below(name) for name in (HUB, *(PARTNERS + partner for partner in sorted(partners))))
    trees = tuple(folder for folder in folders if folder.fetch(CHECKPOINT) is not None)
    root = published.below(ROOT)
    has_root = root.fetch(CHECKPOINT) is not None
    return Published(trees, root if has_root else None, published) if trees or has_root else None


def check_log(log: Path | None, published: Published | None, trust: Trust, stage: Stage) -> Checked | Fault:
    """Segments on their own, trees on their own, and each against the other, as far as they are there.

    Raises SourceError.
    """
    segments = verify_log(log, stage("segments")) if log is not None else None
    if isinstance(segments, FirstFault):
        return segments
    writers = segments.writers if segments is not None else None
    if published is None:
        return Checked(writers, (), {}, None, ())
    where = published.published or next(iter(published.trees), published.root)
    try:
        trees = _Trees(published, trust, stage)
        trees.check()
        waiting = trees.match(log) if log is not None else None
        reports = sorted(
            trees.reports, key=lambda report: report.kind != "root"
        )  # otherwise in the order of their names
        return Checked(writers, tuple(reports), trees.anchors, waiting, tuple(trees.unchecked()))
    except (UnsoundError, TileError, OSError) as error:
        return fault_of(error, where.where if where else "")


class _Trees:
    """Trees and the root log, one after another; a fault is raised as UnsoundError."""

    def __init__(self, published: Published, trust: Trust, stage: Stage) -> None:
        self._published, self._trust, self._stage = published, trust, stage
        self._anchored: dict[str, Anchored] = {}
        self._unclaimed = 0
        self.reports: list[TreeReport] = []
        self.anchors: dict[str, AnchorsReport] = {}

    def check(self) -> None:
        """Every tree, then the root log, which was read later than the lists of what should be there."""
        only = self._published.published is None
        for source in self._published.trees:
            anchored = read_anchored(source)
            origin, key = _origin(source), self._trust.key_of(source, only=only)
            policy = self._trust.policy_for(key, is_witnessed=only and self._published.root is None)
            watch = Watch(anchored.sizes, anchored.root_at(origin)) if anchored is not None else None
            self._take(check_tree(source, key, policy=policy, watch=watch, progress=self._stage(origin)))
            if anchored is not None:
                self._anchored[origin] = anchored
        if self._published.root is not None:
            self._check_root(self._published.root)

    def _check_root(self, source: Source) -> None:
        key, entries = self._trust.key_of(source, only=False), RootWatch(self._anchored.values())
        policy = self._trust.policy_for(key, is_witnessed=True)
        watch = Watch(root_entry=entries.root_entry)
        report = check_tree(source, key, policy=policy, watch=watch, progress=self._stage("root log"))
        self._take(report)
        if self.reports[-1].kind not in ("root", "empty"):
            kind = self.reports[-1].kind
            raise UnsoundError(TreeFault("root-entry", source.where, CHECKPOINT, 0, "a root log", f"a tree of {kind}"))
        size = self.reports[-1].size
        self.anchors = {origin: anchored.report(size) for origin, anchored in self._anchored.items()}
        self._unclaimed = entries.unclaimed

    def match(self, log: Path) -> Waiting | None:
        """The segments against the trees, when all trees are there."""
        published = self._published.published
        if published is None:
            return None
        waiting = match_trees(log, self.reports, published, self._stage("segments against trees"))
        if isinstance(waiting, TreeFault):
            raise UnsoundError(waiting)
        return waiting

    def unchecked(self) -> Iterator[str]:
        """What could not be checked, and why."""
        if any(not report.key_given for report in self.reports):
            yield "keys taken from the log itself: compare them with those you were given, or name them with --vkey"
        if self._published.root is None and any(report.kind != "root" for report in self.reports):
            yield "there is no root log here, so whether others are shown the same history is open: name it with --root"
        elif self._published.published is None and not self._anchored and self.reports[0].kind == "partner":
            yield "there is no list of anchors beside the tree, so whether others are shown the same history is open"
        pending = sum(each.pending for each in self.anchors.values())
        if pending:
            yield f"{counted(pending, 'anchor')} not under the published checkpoints yet"
        if self._published.published is not None and self._unclaimed:
            yield f"{self._unclaimed:,} of the root log's entries are of no tree that is here"

    def _take(self, report: TreeReport | TreeFault) -> None:
        if isinstance(report, TreeFault):
            raise UnsoundError(report)
        self.reports.append(report)


def _origin(source: Source) -> str:
    """What a tree says it is, before anything is checked; its place where it says nothing."""
    parsed = parse_checkpoint(source.fetch(CHECKPOINT) or b"")
    return parsed.checkpoint.origin if parsed is not None else source.where
