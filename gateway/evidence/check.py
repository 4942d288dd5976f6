"""Checks an evidence bundle offline, and believes nothing in it."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from gateway.audit.period import Period
from gateway.evidence.anchoring import Anchored, check_anchors
from gateway.evidence.bundle import (
    ANCHOR_KEY,
    ANCHORS,
    CHECKPOINT,
    FORMAT,
    MANIFEST,
    OPTIONAL,
    POLICY,
    RECEIPTS_VKEY,
    REQUIRED,
    ROOT_CHECKPOINT,
    ROOT_VKEY,
    VKEY,
    Manifest,
    Progress,
    contract_of,
    contract_path,
    names_partner,
    parse_manifest,
    period_of,
)
from gateway.evidence.members import BundleError, Members
from gateway.evidence.rehashing import root_of_tiles
from gateway.evidence.rereading import Reread, reread
from gateway.tlog.anchors import parse_key
from gateway.tlog.checkpoint import SignedCheckpoint, open_checkpoint, parse_checkpoint
from gateway.tlog.layout import tree_of
from gateway.tlog.note import NOTE_BYTES_MAX, Note, VerifierKey, parse_vkey
from gateway.tlog.policy import Policy, PolicyFault, parse_policy
from gateway.tlog.spelling import base64_text
from gateway.tlog.tiles import ENTRY_BYTES_MAX, HASH_BYTES, WIDTH, TileError, TileTree, tiles_of

_MANIFEST_BYTES_MAX = 256 << 20
_BUNDLE_BYTES_MAX = WIDTH * (ENTRY_BYTES_MAX + 2)


class BundleReport(Struct, frozen=True):
    """Everything in the bundle follows from what its checkpoint's key has signed.

    `key` is the vkey that was checked against, `key_given` False: it was taken from the bundle itself. `from_time` and
    `until_time` are the period as the bundle says it, ISO 8601 with offset, "" when open. `anchors` are checkpoints of
    the tree found in the root log, `anchored_size` is the largest of them (0: none). `witnesses` are those of the
    policy that cosigned the tree's checkpoint or the root log's, with Unix seconds; `quorum_met` is None without a
    policy. `contracts_missing` are hashes that records name and the bundle has no document of.
    """

    partner: str
    origin: str
    key: str
    key_given: bool
    tree_size: int
    root: str
    from_time: str
    until_time: str
    records: int
    first_index: int
    last_index: int
    contracts: int
    contracts_missing: tuple[str, ...]
    anchors: int
    anchored_size: int
    root_key: str
    witnesses: dict[str, int]
    quorum_met: bool | None
    openings: int


class BundleFault(Struct, frozen=True):
    """The first thing that is not as it must be.

    `kind`: unreadable, not-a-bundle, member, size, manifest, hash, checkpoint, signature, tile, root, entry, record,
    counter, proof, contract, parquet, anchor, policy or opening. `member` is the name inside the zip; `index` the
    record's index in the tree or the line of the member, -1 where there is none. `expected` and `found` hold numbers,
    hashes and names, never a recorded value.
    """

    kind: str
    member: str
    index: int
    expected: str
    found: str


def check_bundle(
    path: Path, progress: Progress | None = None, *, key: VerifierKey | None = None, policy: Policy | None = None
) -> BundleReport | BundleFault:
    """Recompute everything in the bundle at `path`; needs no workspace and no network.

    `key` is the key that the tree's checkpoints must be signed by; without one the bundle's own `vkey` is used.
    `policy` must be met when it is given; without one the bundle's own is looked at and not enforced.
    """
    try:
        with closing(Members(path, progress)) as members, TemporaryDirectory(prefix="clausegate-") as folder:
            return _Check(members, key, policy).report(Path(folder))
    except BundleError as error:
        return BundleFault(error.kind, error.member, error.index, error.expected, error.found)
    except TileError as error:
        return BundleFault("tile", error.path, -1, "a tile or bundle of the tree", error.what)


class _Check:
    """One bundle. Each step relies on those before it."""

    def __init__(self, members: Members, key: VerifierKey | None, policy: Policy | None) -> None:
        self._members, self._given, self._policy = members, key, policy

    def report(self, folder: Path) -> BundleReport:
        manifest, period = self._manifest()
        key = self._key(VKEY, self._given)
        signed = self._checkpoint(CHECKPOINT, key)
        head = signed.checkpoint
        if (head.origin, head.size, base64_text(head.root)) != (manifest.origin, manifest.tree_size, manifest.root):
            raise BundleError("manifest", MANIFEST, -1, f"{head.origin}, {head.size}", "another tree")
        if not names_partner(head.origin, manifest.partner):
            raise BundleError("checkpoint", CHECKPOINT, -1, f"the tree of {manifest.partner}", head.origin)
        self._check_names(manifest)
        if (root := root_of_tiles(self._tile, head.size)) != head.root:
            raise BundleError("root", CHECKPOINT, -1, head.root.hex(), root.hex())
        tree = TileTree(self._fetch, head.size)
        found = reread(self._members, manifest, tree, period=period, folder=folder)
        self._check_counts(manifest, found)
        contracts = self._check_contracts(manifest, found.contracts)
        anchored, root_log = self._root_log(manifest, tree)
        self._check_receipts_key(manifest)
        notes = [signed.note] if root_log is None else [signed.note, root_log.note]
        witnesses, met = self._witnessed(notes)
        return BundleReport(
            partner=manifest.partner,
            origin=head.origin,
            key=key.text(),
            key_given=self._given is not None,
            tree_size=head.size,
            root=root.hex(),
            from_time=manifest.from_time,
            until_time=manifest.until_time,
            records=found.records,
            first_index=found.first_index,
            last_index=found.last_index,
            contracts=contracts,
            contracts_missing=manifest.contracts_missing,
            anchors=anchored.anchors,
            anchored_size=anchored.size,
            root_key="" if root_log is None else self._key(ROOT_VKEY).text(),
            witnesses=witnesses,
            quorum_met=met,
            openings=found.openings,
        )

    def _manifest(self) -> tuple[Manifest, Period]:
        members = self._members
        if MANIFEST not in members:
            raise BundleError("not-a-bundle", "", -1, MANIFEST, "nothing")
        manifest = parse_manifest(members.read(MANIFEST, _MANIFEST_BYTES_MAX))
        period = None if manifest is None else period_of(manifest.from_time, manifest.until_time)
        if manifest is None or period is None:
            raise BundleError("manifest", MANIFEST, -1, f"a manifest of {FORMAT}", "something else")
        listed = [file.path for file in manifest.files]
        unlisted = sorted(set(listed) ^ (members.names - {MANIFEST}))
        if unlisted or len(set(listed)) < len(listed):
            odd = unlisted[0] if unlisted else MANIFEST
            raise BundleError("member", odd, -1, "every member there and listed once", "another number of times")
        for file in manifest.files:
            if members.size(file.path) != file.bytes:
                raise BundleError("size", file.path, -1, file.bytes, members.size(file.path))
            if (found := members.sha256(file.path)) != file.sha256:
                raise BundleError("hash", file.path, -1, file.sha256, found)
        return manifest, period

    def _check_names(self, manifest: Manifest) -> None:
        """Every tile of the tree, the bundles of its entries that the manifest names, and nothing unknown."""
        names, size = self._members.names, manifest.tree_size
        first, end = manifest.first_entry, manifest.end_entry
        if first % WIDTH or (end % WIDTH and end != size) or not first < end <= size:
            raise BundleError("manifest", MANIFEST, -1, "whole bundles of the tree", f"{first} to {end}")
        if (first > 0 and not manifest.from_time) or (end < size and not manifest.until_time):
            raise BundleError("manifest", MANIFEST, -1, "all entries on the side without a date", f"{first} to {end}")
        if size > WIDTH * len(names):  # Before their names are listed: the size may be any number.
            raise BundleError("member", "", -1, f"the tiles of {size} entries", f"{len(names)} members")
        needed = {
            tile.text() for tile in tiles_of(size) if tile.level != "entries" or first <= tile.index * WIDTH < end
        }
        needed |= REQUIRED
        if missing := sorted(needed - names):
            raise BundleError("member", missing[0], -1, "this member", "nothing")
        known = needed | OPTIONAL | {MANIFEST}
        if unknown := sorted(name for name in names - known if contract_of(name) is None):
            raise BundleError("member", unknown[0], -1, "nothing of this name", "a member")

    def _check_counts(self, manifest: Manifest, found: Reread) -> None:
        said = (manifest.records, manifest.openings)
        if said != (found.records, found.openings) or not found.records:
            raise BundleError("manifest", MANIFEST, -1, f"{found.records} records", f"{manifest.records} records")

    def _check_contracts(self, manifest: Manifest, named: frozenset[str]) -> int:
        there = {found for file in manifest.files if (found := contract_of(file.path))}
        for file in manifest.files:
            if contract_of(file.path) not in (None, file.sha256):
                raise BundleError("contract", file.path, -1, "the document that has this hash", file.sha256)
        if named != there | set(manifest.contracts_missing) or there & set(manifest.contracts_missing):
            odd = sorted(named ^ (there | set(manifest.contracts_missing))) or sorted(there)
            raise BundleError("contract", contract_path(odd[0]), -1, "the contracts that records name", "others")
        return len(there)

    def _root_log(self, manifest: Manifest, tree: TileTree) -> tuple[Anchored, SignedCheckpoint | None]:
        parts = [name in self._members for name in (ROOT_CHECKPOINT, ROOT_VKEY, ANCHORS, ANCHOR_KEY)]
        if not any(parts):
            if manifest.anchors:
                raise BundleError("anchor", MANIFEST, -1, "no anchors", manifest.anchors)
            return Anchored(), None
        if not all(parts):
            raise BundleError("anchor", ANCHORS, -1, "the root log's checkpoint and key, and anchors", "a part of them")
        root_log = self._checkpoint(ROOT_CHECKPOINT, self._key(ROOT_VKEY))
        if manifest.origin != f"{root_log.checkpoint.origin}/{tree_of(manifest.partner)}":
            raise BundleError("checkpoint", ROOT_CHECKPOINT, -1, "the root log of this tree", "another log")
        blinding = parse_key(self._small(ANCHOR_KEY))
        if blinding is None:
            raise BundleError("anchor", ANCHOR_KEY, -1, "a key of 64 hex digits", "something else")
        anchored = check_anchors(self._members, blinding, manifest.origin, tree, root_log.checkpoint)
        if anchored.anchors != manifest.anchors:
            raise BundleError("anchor", ANCHORS, -1, f"{manifest.anchors} anchors", anchored.anchors)
        return anchored, root_log

    def _check_receipts_key(self, manifest: Manifest) -> None:
        if RECEIPTS_VKEY in self._members:
            expected = f"{manifest.origin.removesuffix(tree_of(manifest.partner))}receipts"
            if (found := self._key(RECEIPTS_VKEY).name) != expected:
                raise BundleError("signature", RECEIPTS_VKEY, -1, expected, found)

    def _witnessed(self, notes: list[Note]) -> tuple[dict[str, int], bool | None]:
        """Who cosigned, and whether that is a quorum for the tree's checkpoint or for the root log's."""
        policy = self._policy
        if POLICY in self._members:
            own = parse_policy(self._small(POLICY).decode(errors="surrogateescape"))
            if isinstance(own, PolicyFault):
                raise BundleError("policy", POLICY, own.line, "a tlog-policy", "a mistake in this line")
            policy = policy or own
        if policy is None:
            return {}, None
        cosigned = [policy.witnessed(note) for note in notes]
        met = any(policy.is_met(times.keys()) for times in cosigned)
        if self._policy is not None and not met:
            names = ", ".join(sorted({name for times in cosigned for name in times})) or "none"
            raise BundleError("policy", CHECKPOINT, -1, f"cosignatures of {policy.quorum}", names)
        return {name: time_s for times in reversed(cosigned) for name, time_s in times.items()}, met

    def _key(self, name: str, given: VerifierKey | None = None) -> VerifierKey:
        text = self._small(name).decode("utf-8", "replace")
        key = parse_vkey(text.removesuffix("\n"))
        if key is None:
            raise BundleError("signature", name, -1, "a verifier key", "something else")
        if given is not None and key != given:
            raise BundleError("signature", name, -1, given.text(), key.text())
        return key

    def _checkpoint(self, name: str, key: VerifierKey) -> SignedCheckpoint:
        data = self._small(name)
        if parse_checkpoint(data) is None:
            raise BundleError("checkpoint", name, -1, "a checkpoint", "something else")
        found = open_checkpoint(data, key)
        if found is None:
            raise BundleError("signature", name, -1, f"a signature by {key.text()}", "none that is good")
        return found

    def _small(self, name: str) -> bytes:
        return self._members.read(name, NOTE_BYTES_MAX)

    def _tile(self, path: str) -> bytes:
        return self._members.read(path, WIDTH * HASH_BYTES)

    def _fetch(self, path: str) -> bytes | None:
        return self._members.read(path, _BUNDLE_BYTES_MAX) if path in self._members else None
