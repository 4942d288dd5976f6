"""What the transparency log costs: hashing, proofs, signatures, and records integrated into tiles.

`python -m bench.tlog [--records N] [--batch N] [--folder D]` from the repository's root. Every figure stands beside
the hashes, signatures, writes and syncs that no implementation could do without, done bare. All of it runs on one
core. The folder decides which disk is measured; it is emptied of what the benchmark wrote.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bench.audit import line, timed
from bench.micro import Step, table
from gateway.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from gateway.tlog.extend import Edge, extend, verify_extension
from gateway.tlog.layout import tree_of
from gateway.tlog.local_target import LocalTarget
from gateway.tlog.merkle import (
    Frontier,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    leaf_hashes_of,
)
from gateway.tlog.note import COSIGNATURE, Signer, verified
from gateway.tlog.proof import format_proof, parse_proof
from gateway.tlog.tiles import TileTree, encode_bundle

LEAF_BYTES = 700
SIZE = 50_000
"""Of the tree that proofs are made in."""
LOG = Signer("log.example/one", bytes(range(32)))
WITNESS = Signer("witness.example/w", bytes(32), COSIGNATURE)


def leaf(number: int) -> bytes:
    """As long as a record, and like no other."""
    return b"%0*d" % (LEAF_BYTES, number)


def hashing(count: int, length: int) -> Callable[[], object]:
    """That many bare SHA-256 of that many bytes."""
    data = b"x" * length

    def work() -> None:
        for _ in range(count):
            sha256(data).digest()

    return work


def trees() -> Iterator[Step]:
    """Appending and making tiles, 256 records at a time."""
    entries = [leaf(number) for number in range(256)]
    hashes = leaf_hashes_of(entries)
    long, short = f"256 SHA-256 of {LEAF_BYTES} bytes", "256 SHA-256 of 65 bytes"
    yield Step("hash 256 records", lambda: leaf_hashes_of(entries), long, hashing(256, LEAF_BYTES))
    yield Step("append 256 hashes to a tree", lambda: Frontier().extended(hashes), short, hashing(256, 65))
    yield Step("bundle, tile and root of 256", lambda: extend(Edge(), entries, hashes), short, hashing(256, 65))
    yield Step("bundle of 256", lambda: encode_bundle(entries), "join them", lambda: b"".join(entries))


def proofs() -> Iterator[Step]:
    """Proofs in a tree read from tiles, which are in memory; a fresh reader for each, and one that has its tiles."""
    entries = [leaf(number) for number in range(SIZE)]
    made = extend(Edge(), entries, leaf_hashes_of(entries))
    fetch = made.files.get
    kept = TileTree(fetch, SIZE)
    index, old = SIZE // 3, SIZE * 2 // 3
    old_root = frontier_at(old, kept.node).root()
    path, growth = inclusion_proof(index, SIZE, kept.node), consistency_proof(old, SIZE, kept.node)
    target = leaf_hash(entries[index])
    note = sign_checkpoint(Checkpoint("log.example/one", SIZE, made.root), LOG)
    text = format_proof(index, path, note).encode()
    assert is_included(index, SIZE, target, path, made.root)

    def many(count: int) -> tuple[str, Callable[[], object]]:
        return f"{count} SHA-256 of 65 bytes", hashing(count, 65)

    yield Step("prove inclusion, tiles at hand", lambda: inclusion_proof(index, SIZE, kept.node), *many(len(path)))
    yield Step(
        "prove inclusion, tiles to be read",
        lambda: inclusion_proof(index, SIZE, TileTree(fetch, SIZE).node),
        *many(3 * 255),
    )
    yield Step("verify inclusion", lambda: is_included(index, SIZE, target, path, made.root), *many(len(path)))
    yield Step("prove growth, tiles at hand", lambda: consistency_proof(old, SIZE, kept.node), *many(len(growth)))
    yield Step(
        "verify growth",
        lambda: is_consistent(old, SIZE, old_root, made.root, growth),
        *many(2 * len(growth)),
    )
    yield Step("write a .tlog-proof", lambda: format_proof(index, path, note), "base64 of it", lambda: b64encode(text))
    yield Step("read a .tlog-proof", lambda: parse_proof(text), "base64 of it", lambda: b64encode(text))


def signatures() -> Iterator[Step]:
    """Checkpoints signed and opened, beside Ed25519 alone."""
    head = Checkpoint("log.example/one", SIZE, bytes(32))
    note = sign_checkpoint(head, LOG)
    data, message = note.encode(), note.text.encode()
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public: Ed25519PublicKey = private.public_key()
    signature = private.sign(message)
    both = type(note)(note.text, (*note.signatures, WITNESS.sign(note.text, 1_763_946_000)))
    yield Step("sign a checkpoint", lambda: sign_checkpoint(head, LOG), "Ed25519", lambda: private.sign(message))
    yield Step(
        "open a checkpoint",
        lambda: open_checkpoint(data, LOG.verifier),
        "Ed25519",
        lambda: public.verify(signature, message),
    )
    yield Step(
        "verify a cosignature",
        lambda: verified(both, WITNESS.verifier),
        "Ed25519",
        lambda: public.verify(signature, message),
    )


class Tree:
    """A partner's tree under a target, as the sequencer keeps it."""

    def __init__(self, partner: str, target: LocalTarget) -> None:
        self._prefix = tree_of(partner)
        self._target = target
        self.edge = Edge()
        self.root = self.edge.root()
        self.files = 0

    def write(self, entries: Sequence[bytes]) -> tuple[int, bytes]:
        """Write what these entries make; gives the size and the root before."""
        before = self.edge.size, self.root
        made = extend(self.edge, entries, leaf_hashes_of(entries))
        for path, data in made.files.items():
            self._target.write(f"{self._prefix}/{path}", data)
        self._target.remove(f"{self._prefix}/{path}" for path in made.stale)
        self.edge, self.root = made.edge, made.root
        self.files += len(made.files)
        return before

    def verify(self, before: tuple[int, bytes]) -> None:
        """Read it all again."""
        assert verify_extension(self._read, *before, self.edge.size, self.root) is None

    def _read(self, path: str) -> bytes | None:
        return self._target.read(f"{self._prefix}/{path}")


def integrate(folder: Path, records: int, batch: int, partners: int) -> None:
    """Extend, write, flush, read again and verify, batch by batch; the records are in memory and spread evenly."""
    target = LocalTarget(folder / f"tree-{partners}")
    all_of = [Tree(f"partner-{number}", target) for number in range(partners)]
    batches = [
        [leaf(number) for number in range(start, min(start + batch, records))] for start in range(0, records, batch)
    ]

    def work() -> None:
        for entries in batches:
            written = [(tree, tree.write(entries[place::partners])) for place, tree in enumerate(all_of)]
            target.flush()
            for tree, before in written:
                tree.verify(before)

    started_s = time.process_time()
    seconds = timed(work)
    busy_us = (time.process_time() - started_s) / records * 1e6
    files = sum(tree.files for tree in all_of)
    note = f"{busy_us:.2f} us of CPU, {len(batches)} syncs, {files:,} files"
    line(f"integrated into tiles, {partners} partner{'s'[: partners > 1]}", records, seconds, note)
    bare(folder, records, files, len(batches))


def bare(folder: Path, records: int, files: int, syncs: int) -> None:
    """The hashes that make a tree and those that check it; then the same bytes in as many files and syncs."""
    leaves, nodes = hashing(2 * records, LEAF_BYTES), hashing(2 * records, 65)
    line("    the same number of SHA-256 alone", records, timed(lambda: (leaves(), nodes())))
    data = b"x" * (records * (LEAF_BYTES + 34) // files)
    target = LocalTarget(folder / "bare")

    def work() -> None:
        for turn in range(syncs):
            target.write("last", data)
            for number in range(files // syncs):
                (folder / "bare" / f"{turn}-{number}").write_bytes(data)
            target.flush()

    line("    the same writes and syncs alone", records, timed(work))
    shutil.rmtree(folder / "bare")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=50_000, help="records that one step of the sequencer takes")
    parser.add_argument("--folder", type=Path, default=None, help="a folder on the disk to measure")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(table([*trees(), *proofs(), *signatures()]), flush=True)
    top = Path(tempfile.mkdtemp(prefix="clausegate-bench-", dir=arguments.folder))
    try:
        for partners in (1, 100):
            integrate(top, arguments.records, arguments.batch, partners)
    finally:
        shutil.rmtree(top)
    return 0


if __name__ == "__main__":
    sys.exit(main())
