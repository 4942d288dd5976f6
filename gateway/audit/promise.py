"""Signs receipts: those that are given together by one signature, each with its path to the signed root.

A promise says by when a record will be in its partner's tree. Whoever holds one can prove that it was not kept.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from gateway.audit.leaf import Promised, Receipt
from gateway.tlog.merkle import parents_of, root_from_inclusion
from gateway.tlog.note import ED25519, Note, Signature, Signer, VerifierKey, verified
from gateway.tlog.spelling import base64_text

RECEIPTS: Final = "/receipts"
"""What the name of the key that signs receipts has behind the root log's origin."""
_FIRST_LINE: Final = "clausegate-receipt/v1"


def promise_text(origin: str, due_s: int, size: int, root: bytes) -> str:
    """The note text that is signed: five lines, `due_s` in Unix seconds, the root over `size` leaf hashes in base64."""
    return f"{_FIRST_LINE}\n{origin}\n{due_s}\n{size}\n{base64_text(root)}\n"


def check_promise(promised: Promised, verifier: VerifierKey) -> bool:
    """Whether the holder of this key, whose name is `<origin>/receipts`, made this promise for this very leaf hash."""
    if verifier.kind != ED25519 or not verifier.name.endswith(RECEIPTS):
        return False
    try:
        leaf = bytes.fromhex(promised.leaf_hash)
    except ValueError:
        return False
    root = root_from_inclusion(promised.index, promised.size, leaf, promised.path)
    if root is None:
        return False
    text = promise_text(verifier.name.removesuffix(RECEIPTS), promised.due_s, promised.size, root)
    note = Note(text, (Signature(verifier.name, verifier.key_id, promised.signature),))
    return verified(note, verifier) is not None


class Promiser:
    """Promises that records will be in their trees `receipt_due_s` seconds from when they were recorded.

    Raises ValueError when the signer's name is not `<origin>/receipts`.
    """

    def __init__(self, signer: Signer, receipt_due_s: int, now_s: Callable[[], float] = time.time) -> None:
        name = signer.verifier.name
        if not name.endswith(RECEIPTS):
            raise ValueError(f"the key that signs receipts is named <origin>{RECEIPTS}")
        self._signer, self._origin = signer, name.removesuffix(RECEIPTS)
        self._receipt_due_s, self._now_s = receipt_due_s, now_s

    def promise(self, receipts: Sequence[Receipt]) -> list[Promised]:
        """The receipts with the promise of all of them; one signature, at least one receipt. From any thread."""
        due_s = int(self._now_s()) + self._receipt_due_s
        leaves = [bytes.fromhex(receipt.leaf_hash) for receipt in receipts]
        root, paths = _tree(leaves)
        size = len(leaves)
        signature = self._signer.sign(promise_text(self._origin, due_s, size, root)).blob
        return [
            Promised(
                receipt.leaf_hash,
                receipt.writer,
                receipt.epoch,
                receipt.seq,
                due_s,
                index,
                size,
                paths[index],
                signature,
            )
            for index, receipt in enumerate(receipts)
        ]


class TurnPromises:
    """Promises for receipts that wait for no sync: those of one turn of the event loop are signed together."""

    def __init__(self, promiser: Promiser) -> None:
        self._promiser = promiser
        self._waiting: list[tuple[asyncio.Future[Promised], Receipt]] = []

    def promised(self, receipt: Receipt) -> "asyncio.Future[Promised]":
        """Done at the end of this turn: the receipt with its promise."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Promised] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._sign)
        self._waiting.append((future, receipt))
        return future

    def _sign(self) -> None:
        waiting, self._waiting = self._waiting, []
        promised = self._promiser.promise([receipt for _, receipt in waiting])
        for (future, _), each in zip(waiting, promised, strict=True):
            if not future.done():  # its caller went away
                future.set_result(each)


def _tree(leaves: list[bytes]) -> tuple[bytes, list[tuple[bytes, ...]]]:
    """The RFC 6962 root over leaf hashes and every leaf's path (section 2.1.1), all paths at once.

    A last node without a sibling goes up as it is. Paths grow from the root down, each level adding one hash to its
    parent's: two short concatenations a leaf instead of a walk through all levels.
    """
    levels = [leaves]
    while len(levels[-1]) > 1:
        level = levels[-1]
        parents = parents_of(level)
        if len(level) % 2:
            parents.append(level[-1])
        levels.append(parents)
    root = levels.pop()[0]
    paths: list[tuple[bytes, ...]] = [()]
    for level in reversed(levels):
        below: list[tuple[bytes, ...]] = []
        for index in range(0, len(level) - 1, 2):
            above = paths[index // 2]
            below.append((level[index + 1], *above))
            below.append((level[index], *above))
        if len(level) % 2:
            below.append(paths[-1])
        paths = below
    return root, paths
