"""Cosignatures are collected from real witnesses on real sockets, and from such as misbehave."""

import asyncio
import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.tlog.checkpoint import parse_checkpoint
from gateway.tlog.cosigning import Cosigning
from gateway.tlog.note import COSIGNATURE, Note, Signature, Signer, VerifierKey, parse_vkey
from gateway.tlog.policy import Policy, PolicyFault, parse_policy
from gateway.tlog.tiles import TileTree
from gateway.witness.app import witness_app
from gateway.witness.folder import open_folder
from gateway.witness.policies import Policies
from gateway.witness.witness import Witness, keys_by_origin
from tests.flows.served import served
from tests.unit.witness.growing import GrowingLog, b64

LOG, FORK = GrowingLog(), GrowingLog(forked_at=3)
STRANGER = Signer("witness.example/w1", b"\x21" * 32, COSIGNATURE)
TIME_S = 1_700_000_000


class Clock:
    """Monotonic seconds, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Scripted:
    """A witness that answers what a test says; `bodies` are what it was sent."""

    def __init__(self, answer: Callable[[bytes], tuple[int, bytes, str]]) -> None:
        self.answer, self.bodies, self.asked = answer, list[bytes](), list[tuple[str, str]]()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)
        self.asked.append((scope["method"], scope["path"]))
        status, said, content_type = self.answer(body)
        headers = [(b"content-length", str(len(said)).encode()), (b"content-type", content_type.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": said})


class Silent:
    """A witness that takes requests and never answers."""

    def __init__(self) -> None:
        self.asked = 0
        self._end = asyncio.Event()

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.asked += 1
        await self._end.wait()

    def end(self) -> None:
        self._end.set()


def note_of(log: GrowingLog, size: int) -> Note:
    signed = parse_checkpoint(log.checkpoint(size))
    assert signed is not None
    return signed.note


def tree(log: GrowingLog, size: int) -> TileTree:
    return TileTree(log.files(size).get, size)


def policy_of(text: str) -> Policy:
    found = parse_policy(text)
    assert not isinstance(found, PolicyFault), found
    return found


def lines(note: Note) -> list[str]:
    return [signature.name for signature in note.signatures]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def witnesses(folder: Path, *logs: GrowingLog) -> AsyncIterator[tuple[str, VerifierKey]]:
    """A real witness: its URL and its key."""
    opened = open_folder(folder, f"witness.example/{folder.name}")
    keys = keys_by_origin([key for log in logs or (LOG,) if (key := parse_vkey(log.vkey)) is not None])
    async with served(witness_app(Witness(opened, opened.signer, keys, lambda: TIME_S))) as url:
        yield url, opened.signer.verifier
    opened.close()


@asynccontextmanager
async def cosigning(policies: Policies, clock: Clock, timeout_ms: int = 20_000) -> AsyncIterator[Cosigning]:
    made = Cosigning(policies, timeout_ms, clock)
    try:
        yield made
    finally:
        await made.close()


def root_policy(text: str) -> Policies:
    return Policies(policy_of(text), {})


def one(url: str, key: VerifierKey) -> Policies:
    return root_policy(f"witness w1 {key.text()} {url}\nquorum w1\n")


async def test_a_cosignature_comes_and_is_good(tmp_path: Path, clock: Clock) -> None:
    async with witnesses(tmp_path / "w1") as (url, key), cosigning(one(url, key), clock) as asking:
        note = await asking.collect("root", note_of(LOG, 300), tree(LOG, 300))
    text, signatures = note.encode().decode().split("\n\n")
    own, theirs = signatures.splitlines()
    assert own.startswith("— gateway.example/log ")
    blob = base64.b64decode(theirs.removeprefix("— witness.example/w1 "))
    assert blob[:4] == hashlib.sha256(b"witness.example/w1\n\x04" + key.public).digest()[:4]
    (time_s,) = struct.unpack(">Q", blob[4:12])
    message = f"cosignature/v1\ntime {time_s}\ngateway.example/log\n300\n{b64(LOG.root(300))}\n".encode()
    Ed25519PublicKey.from_public_bytes(key.public).verify(blob[12:], message)
    assert text == f"gateway.example/log\n300\n{b64(LOG.root(300))}"
    assert asking.quorum_missing("root", note) == ()


async def test_the_log_grows_and_is_cosigned_again_and_again(tmp_path: Path, clock: Clock) -> None:
    async with witnesses(tmp_path / "w1") as (url, key), cosigning(one(url, key), clock) as asking:
        for size in (0, 1, 255, 256, 300, 300, 513):
            note = await asking.collect("root", note_of(LOG, size), tree(LOG, size))
            assert lines(note) == ["gateway.example/log", "witness.example/w1"]
    (state,) = asking.states()
    assert (state.size, state.cosigned, state.failures, state.why) == (513, 7, 0, "")


async def test_after_a_restart_the_witness_tells_what_it_knows(tmp_path: Path, clock: Clock) -> None:
    async with witnesses(tmp_path / "w1") as (url, key):
        for size in (100, 300):
            async with cosigning(one(url, key), clock) as asking:
                note = await asking.collect("root", note_of(LOG, size), tree(LOG, size))
                assert not asking.quorum_missing("root", note)


async def test_all_are_asked_and_the_quorum_is_counted(tmp_path: Path, clock: Clock) -> None:
    async with AsyncExitStack() as stack:
        here = [await stack.enter_async_context(witnesses(tmp_path / name)) for name in ("w1", "w2")]
        gone = Signer("witness.example/w3", b"\x03" * 32, COSIGNATURE).verifier
        rows = [*here, ("http://127.0.0.1:1", gone)]
        text = "".join(f"witness w{number} {key.text()} {url}\n" for number, (url, key) in enumerate(rows, 1))
        for quorum, missing in (("any", ()), ("2", ()), ("all", ("w3",))):
            policies = root_policy(f"{text}group g {quorum} w1 w2 w3\nquorum g\n")
            async with cosigning(policies, clock) as asking:
                note = await asking.collect("root", note_of(LOG, 9), tree(LOG, 9))
                assert lines(note) == ["gateway.example/log", "witness.example/w1", "witness.example/w2"]
                assert asking.quorum_missing("root", note) == missing


async def test_each_tree_has_the_witnesses_of_its_own_policy(tmp_path: Path, clock: Clock) -> None:
    partner = GrowingLog("gateway.example/log/partners/swift", b"\x05" * 32)
    async with AsyncExitStack() as stack:
        url, key = await stack.enter_async_context(witnesses(tmp_path / "w1", LOG))
        other_url, other = await stack.enter_async_context(witnesses(tmp_path / "w2", partner))
        theirs = policy_of(f"witness own {other.text()} {other_url}\nquorum own\n")
        policies = Policies(one(url, key).root, {"swift": theirs})
        asking = await stack.enter_async_context(cosigning(policies, clock))
        root = await asking.collect("root", note_of(LOG, 9), tree(LOG, 9))
        swift = await asking.collect("partners/swift", note_of(partner, 4), tree(partner, 4))
        harbor = await asking.collect("partners/harbor", note_of(partner, 4), tree(partner, 4))
        hub = await asking.collect("hub", note_of(partner, 4), tree(partner, 4))
    assert lines(root)[1:] == ["witness.example/w1"]
    assert lines(swift)[1:] == ["witness.example/w2"]
    assert lines(harbor) == lines(hub) == [partner.origin]
    assert asking.quorum_missing("partners/harbor", harbor) == ()


async def test_a_fork_is_not_cosigned_and_the_reason_is_kept(tmp_path: Path, clock: Clock) -> None:
    async with witnesses(tmp_path / "w1") as (url, key):
        for log, size, why in ((LOG, 5, ""), (FORK, 5, "fork"), (FORK, 9, "inconsistent"), (LOG, 4, "ahead")):
            async with cosigning(one(url, key), clock) as asking:
                note = await asking.collect("root", note_of(log, size), tree(log, size))
                assert [state.why for state in asking.states()] == [why]
                assert asking.quorum_missing("root", note) == (("w1",) if why else ())


@pytest.mark.parametrize(("seed", "why"), [(b"\x01", "unknown-log"), (b"\x02", "untrusted-key")])
async def test_a_witness_that_knows_other_logs_or_keys_says_so(
    tmp_path: Path, clock: Clock, seed: bytes, why: str
) -> None:
    known = GrowingLog("other.example") if why == "unknown-log" else GrowingLog(seed=seed * 32)
    async with witnesses(tmp_path / "w1", known) as (url, key), cosigning(one(url, key), clock) as asking:
        await asking.collect("root", note_of(LOG, 5), tree(LOG, 5))
    assert [state.why for state in asking.states()] == [why]


def line_by(signer: Signer, text: str) -> bytes:
    return signer.sign(text, TIME_S).line().encode()


@pytest.mark.parametrize(
    ("status", "body", "content_type", "why"),
    [
        (200, b"", "text/plain", "bad-cosignature"),
        (200, b"\xff\xfe", "text/plain", "bad-cosignature"),
        (200, b"thank you\n", "text/plain", "bad-cosignature"),
        (200, line_by(Signer("other", b"\x09" * 32, COSIGNATURE), LOG.text(5)), "text/plain", "bad-cosignature"),
        (200, line_by(STRANGER, LOG.text(4)), "text/plain", "bad-cosignature"),
        (409, b"7\n", "text/x.tlog.size", "ahead"),
        (409, b"0\n", "text/x.tlog.size", "protocol"),
        (409, b"3\n", "text/plain", "refused"),
        (409, b"three\n", "text/x.tlog.size", "refused"),
        (409, b"", "text/x.tlog.size", "refused"),
        (409, f"{1 << 80}\n".encode(), "text/x.tlog.size", "refused"),
        (301, b"", "text/plain", "refused"),
        (500, b"", "text/plain", "refused"),
        (200, b"x" * 70_000, "text/plain", "protocol"),
    ],
)
async def test_an_answer_that_is_no_cosignature_is_left_out(
    clock: Clock, status: int, body: bytes, content_type: str, why: str
) -> None:
    scripted = Scripted(lambda _: (status, body, content_type))
    async with served(scripted) as url, cosigning(one(url, STRANGER.verifier), clock) as asking:
        note = await asking.collect("root", note_of(LOG, 5), tree(LOG, 5))
    assert note == note_of(LOG, 5)
    assert [state.why for state in asking.states()] == [why]
    assert asking.quorum_missing("root", note) == ("w1",)


async def test_of_several_lines_only_the_witnesss_own_is_taken(clock: Clock) -> None:
    text = LOG.text(5)
    own_line = Signature("gateway.example/log", LOG.key_id, bytes(64)).line().encode()
    body = own_line + line_by(Signer("other", b"\x09" * 32, COSIGNATURE), text) + line_by(STRANGER, text)
    async with (
        served(Scripted(lambda _: (200, body, "text/plain"))) as url,
        cosigning(one(url, STRANGER.verifier), clock) as asking,
    ):
        note = await asking.collect("root", note_of(LOG, 5), tree(LOG, 5))
    assert lines(note) == ["gateway.example/log", "witness.example/w1"]
    assert note.signatures[0] == note_of(LOG, 5).signatures[0]


async def test_a_witness_that_names_one_size_after_another_is_not_asked_for_ever(clock: Clock) -> None:
    sizes: Iterator[int] = iter(range(1, 100))
    scripted = Scripted(lambda _: (409, f"{next(sizes)}\n".encode(), "text/x.tlog.size"))
    async with served(scripted) as url, cosigning(one(url, STRANGER.verifier), clock) as asking:
        await asking.collect("root", note_of(LOG, 50), tree(LOG, 50))
    assert len(scripted.bodies) == 3
    assert [state.why for state in asking.states()] == ["protocol"]


async def test_silence_ends_with_the_timeout_and_holds_up_nobody_elses_cosignature(
    tmp_path: Path, clock: Clock
) -> None:
    silent = Silent()
    async with witnesses(tmp_path / "w1") as (url, key), served(silent) as nowhere:
        two = f"witness w1 {key.text()} {url}\nwitness w2 {STRANGER.verifier.text()} {nowhere}\n"
        policies = root_policy(f"{two}group g 2 w1 w2\nquorum g\n")
        async with cosigning(policies, clock, timeout_ms=500) as asking:
            note = await asking.collect("root", note_of(LOG, 5), tree(LOG, 5))
        silent.end()
    assert lines(note) == ["gateway.example/log", "witness.example/w1"]
    assert [(state.name, state.why) for state in asking.states()] == [("w1", ""), ("w2", "timeout")]
    assert asking.quorum_missing("root", note) == ("w2",)


async def test_after_a_failure_it_is_left_alone_for_longer_and_longer(clock: Clock) -> None:
    scripted = Scripted(lambda _: (500, b"", "text/plain"))
    async with served(scripted) as url, cosigning(one(url, STRANGER.verifier), clock) as asking:
        asked_at = []
        for _ in range(400):
            before = len(scripted.bodies)
            await asking.collect("root", note_of(LOG, 5), tree(LOG, 5))
            if len(scripted.bodies) > before:
                asked_at.append(clock.now_s - 100)
            clock.now_s += 1
    assert asked_at == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]
    assert [state.failures for state in asking.states()] == [12]


async def test_one_that_has_seen_a_larger_tree_is_said_to_be_ahead_each_time(clock: Clock) -> None:
    scripted = Scripted(lambda _: (409, b"9\n", "text/x.tlog.size"))
    async with served(scripted) as url, cosigning(one(url, STRANGER.verifier), clock) as asking:
        for failures in (1, 2):
            await asking.collect("root", note_of(LOG, 5), tree(LOG, 5))
            clock.now_s += 100
            (state,) = asking.states()
            assert (state.why, state.size, state.failures) == ("ahead", 9, failures)
    assert [body.partition(b"\n")[0] for body in scripted.bodies] == [b"old 0", b"old 5"]


async def test_after_it_came_back_the_first_pause_is_short_again(clock: Clock) -> None:
    bad, good = (500, b"", "text/plain"), (200, line_by(STRANGER, LOG.text(5)), "text/plain")
    answers = iter([bad, bad, bad, good, bad, good])
    scripted = Scripted(lambda _: next(answers))
    async with served(scripted) as url, cosigning(one(url, STRANGER.verifier), clock) as asking:
        for wait_s in (1, 2, 4, 0, 1, 0):
            await asking.collect("root", note_of(LOG, 5), tree(LOG, 5))
            clock.now_s += wait_s
    assert len(scripted.bodies) == 6


async def test_one_that_comes_back_is_asked_each_time_again(clock: Clock) -> None:
    good = (200, line_by(STRANGER, LOG.text(5)), "text/plain")
    answers = iter([(500, b"", "text/plain"), good, good, good])
    scripted = Scripted(lambda _: next(answers))
    async with served(scripted) as url, cosigning(one(url, STRANGER.verifier), clock) as asking:
        for _ in range(4):
            await asking.collect("root", note_of(LOG, 5), tree(LOG, 5))
            clock.now_s += 1.5 if len(scripted.bodies) == 1 else 0
    (state,) = asking.states()
    assert (len(scripted.bodies), state.cosigned, state.failures, state.why) == (4, 3, 1, "")


async def test_a_tree_that_cannot_be_read_asks_nobody(tmp_path: Path, clock: Clock) -> None:
    def broken(_: str) -> bytes | None:
        raise OSError("the disk is gone")

    async with witnesses(tmp_path / "w1") as (url, key), cosigning(one(url, key), clock) as asking:
        await asking.collect("root", note_of(LOG, 5), tree(LOG, 5))
        for fetch in (broken, dict[str, bytes]().get):
            clock.now_s += 100
            note = await asking.collect("root", note_of(LOG, 300), TileTree(fetch, 300))
            assert note == note_of(LOG, 300)
            assert [state.why for state in asking.states()] == ["unreadable-tree"]


async def test_a_note_that_is_not_of_this_tree_asks_nobody(clock: Clock) -> None:
    scripted = Scripted(lambda _: (500, b"", "text/plain"))
    async with served(scripted) as url, cosigning(one(url, STRANGER.verifier), clock) as asking:
        note = await asking.collect("root", note_of(LOG, 5), tree(LOG, 6))
    assert note == note_of(LOG, 5)
    assert scripted.bodies == []


async def test_what_is_sent_is_the_request_of_the_specification(clock: Clock) -> None:
    scripted = Scripted(
        lambda body: (409, b"3\n", "text/x.tlog.size") if body.startswith(b"old 0\n") else (403, b"", "")
    )
    async with served(scripted) as url, cosigning(one(f"{url}/prefix/", STRANGER.verifier), clock) as asking:
        await asking.collect("root", note_of(LOG, 7), tree(LOG, 7))
    assert scripted.bodies == [LOG.body(0, 7), LOG.body(3, 7)]
    assert scripted.asked == [("POST", "/prefix/add-checkpoint")] * 2
