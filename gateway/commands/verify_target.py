"""Finds out what `clausegate verify` is pointed at, and has it checked."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias
from zipfile import is_zipfile

from msgspec import Struct

from gateway.audit.leaf import Receipt
from gateway.audit.receipt import parse_receipt
from gateway.commands.terminal import existing, workspace_in
from gateway.commands.verifying import PARTNERS, Checked, Fault, Published, Stage, Trust, check_log, trees_in
from gateway.evidence.check import BundleFault, BundleReport, check_bundle
from gateway.settings import Settings, read_settings
from gateway.tlog.checking import fault_of
from gateway.tlog.layout import CHECKPOINT, FOLDER, HUB, ROOT
from gateway.tlog.matching import partners_in
from gateway.tlog.merkle import leaf_hash
from gateway.tlog.note import ED25519, VerifierKey, parse_vkey
from gateway.tlog.open_target import TargetError, open_target
from gateway.tlog.policy import Policy
from gateway.tlog.proof import PROOF_BYTES_MAX, Proof, parse_proof
from gateway.tlog.receipt_check import Keys, ProofReport, ReceiptReport, check_proof, check_receipt
from gateway.tlog.receipts import parse_leaf_hash
from gateway.tlog.source import Source, SourceError, folder_source, target_source, url_source
from gateway.tlog.tiles import TileError
from gateway.tlog.tree_report import TreeFault
from gateway.witness.policies import read_policy

Found: TypeAlias = Checked | Fault | ReceiptReport | ProofReport | BundleReport | BundleFault

_HEADER = "clausegate-receipt:"
_RECEIPTS_VKEY = "receipts/vkey"


class UnusableError(Exception):
    """There is nothing to check at the target, or something is missing to check it. The text is for people."""


class Asked(Struct, frozen=True):
    """What the command line says; see the options of commands/verify.py. `now_s` is the time, Unix seconds."""

    target: str
    log: str | None
    vkeys: tuple[str, ...]
    policy: str | None
    root: str | None
    receipt: str | None
    receipts_vkey: str | None
    leaf: str | None
    token_env: str
    now_s: float


class _Place(Struct, frozen=True):
    """Segments, trees, or both."""

    log: Path | None
    published: Published | None


def verify(asked: Asked, stage: Stage, environment: Mapping[str, str] = os.environ) -> Found:
    """Check what the target is. Raises UnusableError; SourceError when a log cannot be reached."""
    try:
        return _Verify(asked, stage, environment).run()
    except TargetError as error:
        raise UnusableError(str(error)) from None
    except TileError as error:  # on the way to what is to be checked
        return fault_of(error, asked.target)
    except OSError as error:
        raise UnusableError(f"{error.filename or asked.target}: {error.strerror or type(error).__name__}") from None


class _Verify:
    def __init__(self, asked: Asked, stage: Stage, environment: Mapping[str, str]) -> None:
        self._asked, self._stage = asked, stage
        self._token = environment.get(asked.token_env, "")
        self._policy = _policy(asked.policy) if asked.policy is not None else None
        logs = self._policy.logs if self._policy is not None else ()
        keys = (*(log.key for log in logs), *map(_key, asked.vkeys))
        self._trust = Trust({key.name: key for key in keys}, self._policy)

    def run(self) -> Found:
        asked = self._asked
        if "://" not in asked.target and Path(asked.target).is_file():
            return self._file(Path(asked.target))
        if asked.receipt is not None:
            return self._receipt(_receipt(asked.receipt), self._place(asked.log or asked.target))
        place = self._place(asked.target)
        if self._trust.keys and place.published is not None and place.published.published is not None:
            self._all_used(place.published)
        return check_log(place.log, place.published, self._trust, self._stage)

    def _all_used(self, published: Published) -> None:
        """A key that was given and checks nothing would leave its giver in a wrong belief."""
        trees = [*published.trees, *([published.root] if published.root else [])]
        used = {key.name for tree in trees if (key := self._trust.key_of(tree, only=False)) is not None}
        for name in self._trust.keys:
            if name not in used:
                raise UnusableError(f"there is no tree with the origin {name} here, whose key was given")

    def _file(self, path: Path) -> Found:
        if is_zipfile(path):
            key = next(iter(self._trust.keys.values()), None)
            return check_bundle(path, self._stage("evidence"), key=key, policy=self._policy)
        data = _read(path)
        if data.startswith(b"c2sp.org/tlog-proof@"):
            proof = parse_proof(data)
            if proof is None:
                return TreeFault("proof", str(path), "", -1, "a tlog-proof@v1", f"{len(data)} bytes that are none")
            return self._proof(proof)
        if self._asked.log is None:
            raise UnusableError("where is the log of this receipt? Name it with --log: a URL or a folder")
        return self._receipt(_receipt(str(path)), self._place(self._asked.log))

    def _proof(self, proof: Proof) -> Found:
        origin = proof.checkpoint.checkpoint.origin
        key = self._trust.keys.get(origin) or next(iter(self._trust.keys.values()), None)
        if key is None:
            raise UnusableError(f"whose proof may this be? Name the key of {origin} with --vkey")
        if self._asked.leaf is None:
            raise UnusableError("what does it prove? Name the record's file, or its leaf hash, with --leaf")
        leaf = parse_leaf_hash(self._asked.leaf)
        entry = _read(Path(self._asked.leaf)) if leaf is None else b""
        leaves = [leaf] if leaf is not None else [leaf_hash(entry), leaf_hash(entry.removesuffix(b"\n"))]
        reports = [check_proof(proof, each, key, self._policy) for each in leaves]
        return next((report for report in reports if isinstance(report, ProofReport)), reports[0])

    def _receipt(self, receipt: Receipt, place: _Place) -> Found:
        if place.published is None or not place.published.trees:
            raise UnusableError("no tree is published there yet")
        root = place.published.root
        beside = root.fetch(_RECEIPTS_VKEY) if root is not None and self._asked.receipts_vkey is None else None
        key = _key(beside.decode("utf-8", "replace")) if beside is not None else None
        if self._asked.receipts_vkey is not None:
            key = _key(self._asked.receipts_vkey)
        trees = place.published.trees
        reports: list[ReceiptReport | TreeFault] = []
        for tree in trees:
            tree_key = self._trust.key_of(tree, only=len(trees) == 1)
            policy = self._trust.policy_for(tree_key, is_witnessed=True)
            keys = Keys(tree_key, key, policy, self._asked.receipts_vkey is not None)
            reports.append(check_receipt(receipt, tree, keys, int(self._asked.now_s)))
            if isinstance(reports[-1], TreeFault) or reports[-1].verdict == "included":
                return reports[-1]
        if len(reports) > 1:
            raise UnusableError(f"it is in none of {len(reports)} trees: name its partner's, .../{PARTNERS}ID")
        return reports[0]

    def _place(self, target: str) -> _Place:
        if "://" in target:
            return _Place(None, self._one_tree(self._source(target), target))
        folder = workspace_in(Path(target))
        if self._asked.log is not None and self._asked.receipt is None and target != self._asked.log:
            return self._log(Path(self._asked.log), None)
        existing(folder)
        if (folder / CHECKPOINT).is_file():
            return _Place(None, self._one_tree(folder_source(folder), str(folder.resolve())))
        published = _in_folder(folder)
        if published is not None:
            return _Place(None, published)
        if any(folder.glob("*/*.seg")):
            return self._log(folder, None)
        read = read_settings(folder)
        settings = read if isinstance(read, Settings) else Settings()
        return self._log(settings.log_path(folder), settings.published_at(folder))

    def _log(self, log: Path, published_at: str | None) -> _Place:
        """A log's folder, and the trees that were made from it."""
        if not log.is_dir():
            raise UnusableError(f"there is no log at {log}: nothing was ever served from here")
        if published_at is None or "://" not in published_at:
            return _Place(log, _in_folder(Path(published_at or log / FOLDER)))
        bucket = target_source(open_target(published_at), published_at)
        return _Place(log, trees_in(bucket, partners_in(log) - {""}))

    def _one_tree(self, tree: Source, target: str) -> Published:
        """A tree, and the root log: the one that was named, or the one where it would be."""
        if tree.fetch(CHECKPOINT) is None:
            raise UnusableError(
                f"there is no {CHECKPOINT} at {tree.where}: nothing is published there yet, or elsewhere"
            )
        if self._asked.root is not None:
            root = self._source(self._asked.root)
            if root.fetch(CHECKPOINT) is None:
                raise UnusableError(f"there is no {CHECKPOINT} at {root.where}")
            return Published((tree,), root)
        beside = _root_beside(target.rstrip("/"))
        try:
            root_beside = self._source(beside) if beside else None
            found = root_beside is not None and root_beside.fetch(CHECKPOINT) is not None
        except (SourceError, OSError):
            found = False
        return Published((tree,), root_beside if found else None)

    def _source(self, target: str) -> Source:
        if target.startswith("s3://"):
            return target_source(open_target(target), target)
        return url_source(target, self._token) if "://" in target else folder_source(Path(target))


def _in_folder(folder: Path) -> Published | None:
    """The trees in a published folder on this machine."""
    partners = folder / PARTNERS.rstrip("/")
    names = [path.name for path in partners.iterdir() if not path.name.startswith(".")] if partners.is_dir() else []
    return trees_in(folder_source(folder), names)


def _root_beside(target: str) -> str:
    """Where the root log of a tree would be; "" where that cannot be told, or the target may be the root log itself."""
    if target.endswith("/partner/log"):
        return f"{target.removesuffix('/partner/log')}/log"
    above, _, name = target.rpartition("/")
    if above.endswith(f"/{PARTNERS.rstrip('/')}"):
        return f"{above.removesuffix(PARTNERS.rstrip('/'))}{ROOT}"
    return f"{above}/{ROOT}" if name == HUB else ""


def _receipt(text: str) -> Receipt:
    """A receipt as it is written, or in a file, as the header's value or the whole line."""
    if "leaf=" not in text:
        text = _read(Path(text)).decode("ascii", "replace").strip()
    if text.lower().startswith(_HEADER):
        text = text[len(_HEADER) :].strip()
    receipt = parse_receipt(text)
    if receipt is None:
        raise UnusableError("this is no receipt: give the value of the header Clausegate-Receipt, or a file with it")
    return receipt


def _key(text: str) -> VerifierKey:
    """A verifier key as it is written, or in a file."""
    key = parse_vkey(text.strip())
    if key is None and "+" not in text:
        key = parse_vkey(_read(Path(text)).decode("utf-8", "replace").strip())
    if key is None or key.kind != ED25519:
        raise UnusableError("this is no verifier key of a log (name+key id+base64, Ed25519)")
    return key


def _policy(file: str) -> Policy:
    policy = read_policy(Path(file))
    if isinstance(policy, str):
        raise UnusableError(policy)
    return policy


def _read(path: Path) -> bytes:
    """A small file that somebody named."""
    try:
        with path.open("rb") as file:
            data = file.read(PROOF_BYTES_MAX + 1)
    except OSError as error:
        raise UnusableError(f"{path}: {error.strerror or type(error).__name__}") from None
    if len(data) > PROOF_BYTES_MAX:
        raise UnusableError(f"{path}: larger than what can be checked here")
    return data
