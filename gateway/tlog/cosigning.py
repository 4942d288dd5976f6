"""Asks witnesses for cosignatures of a checkpoint before it is published (C2SP tlog-witness, the log's side).

A witness that does not answer, or will not cosign, holds nothing up for longer than a timeout and stops no
publication: what is missing is counted, said once in the log, and shown by `clausegate status`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import structlog
from msgspec import Struct

from adapters.base import Answer, Fault
from adapters.http_client import HttpClient
from gateway.tlog.checkpoint import cosigned, parse_checkpoint
from gateway.tlog.merkle import consistency_proof
from gateway.tlog.note import Note, Signature, parse_signature_lines, verified
from gateway.tlog.policy import WitnessLine
from gateway.tlog.tiles import TileError, TileTree
from gateway.witness.address import parse_address
from gateway.witness.policies import Policies, printable
from gateway.witness.protocol import BODY_BYTES_MAX, PATH, SIZE_TYPE, encode_submission, parse_size

_log = structlog.get_logger(__name__)

TIMEOUT_MS: Final = 2000
_PAUSE_MIN_S = 1.0
_PAUSE_MAX_S = 60.0
_REQUESTS_MAX = 3  # one with a size from memory, one with the size that the witness named, one for a race
_CONNECTIONS = 4

Why: TypeAlias = Literal[
    "unreachable",  # no connection
    "timeout",  # no answer in time
    "protocol",  # an answer that is none of this protocol
    "unknown-log",  # 404: it does not know this origin
    "untrusted-key",  # 403: it knows another key for this origin
    "refused",  # 400 or another status
    "inconsistent",  # 422: it finds that the proof does not verify
    "fork",  # 409 at this size: it has cosigned another root
    "ahead",  # 409: it has cosigned a larger tree than this one
    "bad-cosignature",  # its signature does not verify by the key in the policy
    "unreadable-tree",  # no proof could be made from the published tiles
]
_BY_STATUS: dict[int, Why] = {404: "unknown-log", 403: "untrusted-key", 422: "inconsistent"}


class WitnessState(Struct, frozen=True):
    """How one witness of one tree has behaved since the start. `why` is "" while it cosigns or was never asked.

    `size` is that of the largest tree that it is known to have cosigned, `failures` all there ever were.
    """

    tree: str
    name: str
    size: int
    cosigned: int
    failures: int
    why: Why | Literal[""]


class _Memory:
    """What is remembered of one witness and one tree. Lost with the process: a witness tells its size when asked."""

    def __init__(self) -> None:
        self.size = self.cosigned = self.failures = 0
        self.why: Why | Literal[""] = ""
        self.pause_s, self.quiet_until = 0.0, 0.0


class _Request(Struct, frozen=True):
    """One checkpoint on its way to the witnesses of its tree, and the proofs that were made for it, by old size."""

    tree: str
    note: Note
    tiles: TileTree
    deadline: float
    lock: asyncio.Lock
    proofs: dict[int, list[bytes]]

    async def proof(self, old_size: int) -> list[bytes]:
        """Made from the tiles, one at a time: a TileTree is for one thread. Raises TileError and OSError."""
        async with self.lock:
            if old_size not in self.proofs:
                self.proofs[old_size] = await asyncio.to_thread(
                    consistency_proof, old_size, self.tiles.size, self.tiles.node
                )
            return self.proofs[old_size]


class Cosigning:
    """Collects cosignatures. `clock` gives monotonic seconds, for the pauses between attempts that failed."""

    def __init__(
        self, policies: Policies, timeout_ms: int = TIMEOUT_MS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policies, self._timeout_ms, self._clock = policies, timeout_ms, clock
        self._clients: dict[str, HttpClient] = {}
        self._memory: dict[tuple[str, str], _Memory] = {}

    async def collect(self, tree: str, note: Note, tiles: TileTree) -> Note:
        """The checkpoint with the cosignatures that came in time. `tiles` is its tree, already readable.

        Witnesses are asked at the same time; one that failed is left alone for a while, up to a minute. Raises nothing
        but cancellation.
        """
        asked = [witness for witness in self._policies.of(tree).witnesses if witness.url]
        checkpoint = parse_checkpoint(note.encode()) if asked else None
        if checkpoint is None or checkpoint.checkpoint.size != tiles.size:
            return note
        deadline = asyncio.get_running_loop().time() + self._timeout_ms / 1000
        request = _Request(tree, note, tiles, deadline, asyncio.Lock(), {})
        came = await asyncio.gather(*(self._ask_unless_paused(witness, request) for witness in asked))
        return cosigned(note, [signature for signature in came if signature is not None])

    def quorum_missing(self, tree: str, note: Note) -> tuple[str, ...]:
        """The witnesses, by their names in the policy, whose cosignatures are not there; () when a quorum's are."""
        policy = self._policies.of(tree)
        there = policy.witnessed(note)
        if policy.is_met(there.keys()):
            return ()
        return tuple(witness.name for witness in policy.witnesses if witness.name not in there)

    def states(self) -> list[WitnessState]:
        """How each witness that was asked so far behaves, in order of trees and names."""
        return [
            WitnessState(tree, name, of.size, of.cosigned, of.failures, of.why)
            for (tree, name), of in sorted(self._memory.items(), key=lambda item: item[0])
        ]

    async def close(self) -> None:
        """Drop all connections."""
        for client in self._clients.values():
            await client.close()

    async def _ask_unless_paused(self, witness: WitnessLine, request: _Request) -> Signature | None:
        memory = self._memory.setdefault((request.tree, witness.name), _Memory())
        if self._clock() < memory.quiet_until:
            return None
        outcome = await self._ask(witness, request, memory)
        if isinstance(outcome, Signature):
            if memory.why:
                _log.info("witness cosigns again", tree=request.tree, witness=printable(witness.name))
            memory.why, memory.pause_s, memory.quiet_until = "", 0.0, 0.0
            memory.size, memory.cosigned = request.tiles.size, memory.cosigned + 1
            return outcome
        if outcome != memory.why:
            say = _log.error if outcome in ("fork", "inconsistent", "ahead") else _log.warning
            say("witness does not cosign", tree=request.tree, witness=printable(witness.name), why=outcome)
        memory.why, memory.failures = outcome, memory.failures + 1
        memory.pause_s = min(max(memory.pause_s * 2, _PAUSE_MIN_S), _PAUSE_MAX_S)
        memory.quiet_until = self._clock() + memory.pause_s
        return None

    async def _ask(self, witness: WitnessLine, request: _Request, memory: _Memory) -> Signature | Why:
        """Ask until it cosigns or has a reason not to."""
        old_size, size = min(memory.size, request.tiles.size), request.tiles.size
        for _ in range(_REQUESTS_MAX):
            try:
                proof = await request.proof(old_size)
            except (TileError, OSError, ValueError):
                return "unreadable-tree"
            answer = await self._post(witness.url, encode_submission(old_size, proof, request.note), request.deadline)
            if isinstance(answer, Fault):
                return answer.kind if answer.kind in ("unreachable", "timeout") else "protocol"
            if answer.status == 200:
                return _cosignature(answer.body, witness, request.note) or "bad-cosignature"
            named = _size_of(answer) if answer.status == 409 else None
            if named is None:
                return _BY_STATUS.get(answer.status, "refused")
            if named == old_size:
                return "fork" if named == size else "protocol"
            memory.size = old_size = named
            if named > size:
                return "ahead"
        return "protocol"

    async def _post(self, url: str, body: bytes, deadline: float) -> Answer | Fault:
        left_ms = int((deadline - asyncio.get_running_loop().time()) * 1000)
        if left_ms <= 0:
            return Fault("timeout", "no time left")
        address = parse_address(url)
        if address is None:
            return Fault("unreachable", "no URL of a witness")
        client = self._clients.get(url)
        if client is None:
            client = self._clients[url] = HttpClient(address.origin, {}, _CONNECTIONS)
        fields = {"Content-Type": "text/plain; charset=utf-8"}
        target = address.path + PATH
        return await client.change(
            "POST", target, fields=fields, body=body, timeout_ms=left_ms, max_bytes=BODY_BYTES_MAX
        )


def _size_of(answer: Answer) -> int | None:
    media_type = answer.content_type.partition(";")[0].strip().lower()
    return parse_size(answer.body) if media_type == SIZE_TYPE else None


def _cosignature(body: bytes, witness: WitnessLine, note: Note) -> Signature | None:
    """The witness's own line of an answer, if it is good; lines of other keys are ignored."""
    try:
        lines = parse_signature_lines(body.decode())
    except UnicodeDecodeError:
        return None
    for signature in lines or ():
        if verified(Note(note.text, (signature,)), witness.key) is not None:
            return signature
    return None
