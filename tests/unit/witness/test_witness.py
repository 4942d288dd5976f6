"""A witness from request to cosignature: never before it is written down, never for a tree that does not continue."""

import base64
import hashlib
import json
import multiprocessing
import os
import signal
import struct
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.tlog.checkpoint import SignedCheckpoint
from gateway.tlog.merkle import is_consistent
from gateway.tlog.note import COSIGNATURE, Note, Signer, parse_vkey
from gateway.witness.folder import UncertainError, WitnessFolder, open_folder
from gateway.witness.witness import Reply, Vault, Witness, keys_by_origin
from tests.unit.witness.growing import ORIGIN, OTHER, GrowingLog, b64

NAME = "witness.example/w1"
NOW_S = 1_700_000_000
LOG, FORK = GrowingLog(), GrowingLog(forked_at=3)


class Memory:
    """A vault of this process: what it saved, in order, and how it fails."""

    def __init__(self) -> None:
        self.saved: list[Note] = []
        self.evidence: dict[str, bytes] = {}
        self.fails: Exception | None = None

    def load(self) -> dict[str, SignedCheckpoint]:
        return {}

    def save(self, origin: str, note: Note) -> None:
        if self.fails is not None:
            raise self.fails
        self.saved.append(note)

    def keep_evidence(self, name: str, data: bytes) -> bool:
        self.evidence.setdefault(name, data)
        return True


def witness(vault: Vault, *logs: GrowingLog) -> Witness:
    keys = [key for log in logs or (LOG,) if (key := parse_vkey(log.vkey)) is not None]
    return Witness(vault, Signer(NAME, b"\x07" * 32, COSIGNATURE), keys_by_origin(keys), lambda: NOW_S)


def said(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.outcome


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_the_cosignature_is_of_the_message_that_the_specification_says(memory: Memory) -> None:
    one = witness(memory)
    reply = one.add_checkpoint(LOG.body(0, 7))
    assert said(reply) == (200, "cosigned")
    dash, name, encoded = reply.body.decode().rstrip("\n").split(" ")
    blob = base64.b64decode(encoded)
    assert (dash, name) == ("—", NAME)
    assert blob[:4] == hashlib.sha256(NAME.encode() + b"\n\x04" + one.key.public).digest()[:4]
    (time_s,) = struct.unpack(">Q", blob[4:12])
    assert time_s == NOW_S
    message = f"cosignature/v1\ntime 1700000000\ngateway.example/log\n7\n{b64(LOG.root(7))}\n".encode()
    Ed25519PublicKey.from_public_bytes(one.key.public).verify(blob[12:], message)


def test_extension_lines_are_signed_with_the_rest(memory: Memory) -> None:
    one = witness(memory)
    reply = one.add_checkpoint(LOG.body(0, 7, note=LOG.checkpoint(7, extension="more to say\n")))
    blob = base64.b64decode(reply.body.decode().split(" ")[2])
    message = f"cosignature/v1\ntime {NOW_S}\ngateway.example/log\n7\n{b64(LOG.root(7))}\nmore to say\n".encode()
    Ed25519PublicKey.from_public_bytes(one.key.public).verify(blob[12:], message)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "malformed")),
        (LOG.body(0, 7)[:-1], (400, "malformed")),
        (GrowingLog("other.example").body(0, 7), (404, "unknown-log")),
        (GrowingLog(seed=b"\x02" * 32).body(0, 7), (403, "untrusted-key")),
        (LOG.body(0, 7, note=LOG.sign(LOG.text(7)).replace(b"\n7\n", b"\n8\n")), (403, "untrusted-key")),
        (LOG.body(8, 7), (400, "backwards")),
        (LOG.body(5, 7, proof=[bytes(32)]), (422, "inconsistent")),
        (LOG.body(0, 7), (409, "other-size")),
        (LOG.body(6, 7), (409, "other-size")),
        (FORK.body(5, 5), (409, "fork")),
        (FORK.body(5, 7), (422, "fork")),
        (LOG.body(5, 7), (200, "cosigned")),
        (LOG.body(5, 5), (200, "cosigned")),
    ],
)
def test_each_request_after_five_entries_has_its_status(memory: Memory, body: bytes, expected: tuple[int, str]) -> None:
    one = witness(memory)
    one.add_checkpoint(LOG.body(0, 5))
    assert said(one.add_checkpoint(body)) == expected
    assert len(memory.saved) == (2 if expected[0] == 200 else 1)


def test_a_conflict_names_the_size_that_was_cosigned(memory: Memory) -> None:
    one = witness(memory)
    one.add_checkpoint(LOG.body(0, 5))
    reply = one.add_checkpoint(LOG.body(0, 7))
    assert (reply.body, reply.content_type) == (b"5\n", "text/x.tlog.size")


def test_a_log_that_was_never_seen_conflicts_with_zero(memory: Memory) -> None:
    assert witness(memory).add_checkpoint(LOG.body(4, 7)).body == b"0\n"


def test_logs_are_kept_apart(memory: Memory) -> None:
    other = GrowingLog(OTHER, b"\x05" * 32)
    one = witness(memory, LOG, other)
    assert one.add_checkpoint(LOG.body(0, 5)).status == 200
    assert one.add_checkpoint(other.body(0, 3)).status == 200
    assert one.add_checkpoint(LOG.body(5, 6)).status == 200


def test_the_key_of_one_log_signs_for_no_other(memory: Memory) -> None:
    other = GrowingLog(OTHER, b"\x05" * 32)
    imposter = GrowingLog(ORIGIN, b"\x05" * 32)
    assert said(witness(memory, LOG, other).add_checkpoint(imposter.body(0, 5))) == (403, "untrusted-key")


def test_the_signature_of_another_known_log_is_none_of_this_log(memory: Memory) -> None:
    other = GrowingLog(OTHER, b"\x05" * 32)
    note = other.sign(LOG.text(5))
    assert f"\n— {OTHER} ".encode() in note
    assert said(witness(memory, LOG, other).add_checkpoint(LOG.body(0, 5, note=note))) == (403, "untrusted-key")


def test_a_log_may_have_two_keys_and_any_of_them_will_do(memory: Memory) -> None:
    renewed = GrowingLog(seed=b"\x09" * 32)
    one = witness(memory, LOG, renewed)
    assert one.add_checkpoint(LOG.body(0, 5)).status == 200
    assert one.add_checkpoint(renewed.body(5, 6)).status == 200


def test_signatures_of_strangers_are_neither_a_hindrance_nor_kept(memory: Memory) -> None:
    stranger = Signer("stranger.example", b"\x03" * 32).sign(LOG.text(5)).line().encode()
    note = LOG.checkpoint(5) + stranger
    assert witness(memory).add_checkpoint(LOG.body(0, 5, note=note)).status == 200
    assert [signature.name for signature in memory.saved[0].signatures] == [ORIGIN, NAME]


def test_what_cannot_be_written_down_is_not_cosigned_but_may_be_later(memory: Memory) -> None:
    one = witness(memory)
    memory.fails = OSError(28, "No space left on device")
    reply = one.add_checkpoint(LOG.body(0, 5))
    assert said(reply) == (503, "not-saved")
    assert NAME.encode() not in reply.body
    memory.fails = None
    assert said(one.add_checkpoint(LOG.body(0, 4))) == (200, "cosigned")


def test_after_an_uncertain_write_nothing_is_cosigned_before_a_restart(memory: Memory) -> None:
    one = witness(memory)
    memory.fails = UncertainError("fsync")
    assert said(one.add_checkpoint(LOG.body(0, 5))) == (503, "not-saved")
    memory.fails = None
    assert said(one.add_checkpoint(LOG.body(0, 4))) == (503, "not-saved")
    assert memory.saved == []


def test_a_fork_is_kept_so_that_anybody_can_check_it(memory: Memory) -> None:
    one = witness(memory)
    one.add_checkpoint(LOG.body(0, 5))
    one.add_checkpoint(FORK.body(5, 7))
    ((name, data),) = memory.evidence.items()
    found = json.loads(data)
    assert name.startswith("fork-")
    assert found["finding"] == "fork"
    assert found["log_keys"] == [LOG.vkey]
    assert found["cosigned"].startswith(f"{LOG.text(5)}\n— ")
    assert found["offered"].startswith(f"{FORK.text(7)}\n— ")
    for text, note in ((LOG.text(5), found["cosigned"]), (FORK.text(7), found["offered"])):
        line = note.removeprefix(text).split("\n")[1]
        signature = base64.b64decode(line.split(" ")[2])[4:]
        Ed25519PublicKey.from_public_bytes(LOG.public).verify(signature, text.encode())
    proof = [base64.b64decode(node) for node in found["proof"]]
    prefix = base64.b64decode(found["prefix_root"])
    assert is_consistent(5, 7, prefix, FORK.root(7), proof)
    assert prefix != LOG.root(5)


def test_two_trees_of_one_size_are_evidence_whatever_the_old_size(memory: Memory) -> None:
    one = witness(memory)
    one.add_checkpoint(LOG.body(0, 5))
    for old in (0, 3, 5, 9):
        one.add_checkpoint(FORK.body(old, 5))
    assert len(memory.evidence) == 1


def test_a_proof_that_a_stranger_spoilt_is_no_evidence_of_a_fork(memory: Memory) -> None:
    one = witness(memory)
    one.add_checkpoint(LOG.body(0, 5))
    assert said(one.add_checkpoint(LOG.body(5, 7, proof=[bytes(32)] * 3))) == (422, "inconsistent")
    assert [name.partition("-")[0] for name in memory.evidence] == ["inconsistent"]
    assert said(one.add_checkpoint(LOG.body(5, 7))) == (200, "cosigned")


def test_what_nobody_trusted_has_signed_is_no_evidence(memory: Memory) -> None:
    one = witness(memory)
    one.add_checkpoint(LOG.body(0, 5))
    one.add_checkpoint(GrowingLog(seed=b"\x02" * 32, forked_at=1).body(5, 5))
    one.add_checkpoint(LOG.body(0, 0, proof=[bytes(32)]))
    assert memory.evidence == {}


def test_evidence_that_cannot_be_written_changes_no_answer(memory: Memory) -> None:
    class Full(Memory):
        def keep_evidence(self, name: str, data: bytes) -> bool:
            raise OSError(28, "No space left on device")

    one = witness(Full())
    one.add_checkpoint(LOG.body(0, 5))
    assert said(one.add_checkpoint(FORK.body(5, 5))) == (409, "fork")


def test_of_two_threads_that_race_none_rolls_the_other_back(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, NAME)
    keys = keys_by_origin([key for key in [parse_vkey(LOG.vkey)] if key])
    one = Witness(folder, folder.signer, keys, lambda: NOW_S)
    bodies = {(old, size): LOG.body(old, size) for old in range(12) for size in range(old + 1, 13)}
    start, replies = threading.Barrier(4), list[tuple[int, int]]()

    def push(step: int) -> None:
        start.wait()
        for _ in range(40):
            latest = one.latest(ORIGIN)
            old = latest.checkpoint.size if latest else 0
            size = min(old + step, 12)
            if size > old and one.add_checkpoint(bodies[old, size]).status == 200:
                replies.append((old, size))

    threads = [threading.Thread(target=push, args=(step,)) for step in (1, 2, 3, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = sorted(replies)
    assert steps[0][0] == 0
    assert steps[-1][1] == 12
    assert all(before[1] == after[0] for before, after in pairwise(steps))
    assert folder.load()[ORIGIN].checkpoint.size == 12
    folder.close()


class DiesAfterSaving(WitnessFolder):
    """Killed in the moment between writing down and answering."""

    def save(self, origin: str, note: Note) -> None:
        super().save(origin, note)
        os.kill(os.getpid(), signal.SIGKILL)


def _ask_and_die(path: Path) -> None:
    folder = open_folder(path, NAME)
    key = parse_vkey(LOG.vkey)
    assert key is not None
    dying = DiesAfterSaving(path, folder.signer, os.dup(folder._lock))
    Witness(dying, folder.signer, {ORIGIN: (key,)}, lambda: NOW_S).add_checkpoint(LOG.body(0, 5))
    (path / "answered").touch()


def test_killed_between_writing_down_and_answering_it_remembers(tmp_path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(target=_ask_and_die, args=(tmp_path,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert not (tmp_path / "answered").exists()
    folder = open_folder(tmp_path, NAME)
    key = parse_vkey(LOG.vkey)
    assert key is not None
    again = Witness(folder, folder.signer, {ORIGIN: (key,)}, lambda: NOW_S)
    assert again.add_checkpoint(FORK.body(0, 7)).body == b"5\n"
    assert said(again.add_checkpoint(FORK.body(5, 7))) == (422, "fork")
    assert said(again.add_checkpoint(LOG.body(5, 5))) == (200, "cosigned")
    folder.close()


asked = st.tuples(st.integers(0, 20), st.integers(0, 20), st.sampled_from([None, 0, 2, 5, 11]))


@given(st.lists(asked, max_size=30))
def test_whatever_is_sent_the_cosigned_trees_are_one_growing_tree(requests: list[tuple[int, int, int | None]]) -> None:
    one = witness(Memory())
    size, leaves = 0, list[bytes]()  # the model
    for old, new, forked_at in requests:
        log = GrowingLog(forked_at=forked_at)
        reply = one.add_checkpoint(log.body(old, new))
        continues = old == size <= new and log.leaves(new)[:size] == leaves
        assert (reply.status == 200) == continues
        if continues:
            size, leaves = new, log.leaves(new)
        latest = one.latest(ORIGIN)
        assert (latest.checkpoint.size if latest else 0) == size
        if reply.status == 409:
            assert reply.body == f"{size}\n".encode()
