"""A witness: cosigns a log's checkpoint when it continues the one cosigned before, and remembers it first."""

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Literal, Protocol, TypeAlias

import msgspec
import structlog
from msgspec import Struct

from gateway.tlog.checkpoint import Checkpoint, SignedCheckpoint, cosigned
from gateway.tlog.note import Note, Signature, Signer, VerifierKey, verified
from gateway.tlog.spelling import base64_text
from gateway.witness.folder import UncertainError
from gateway.witness.judge import Finding, judge, never_cosigned, prefix_root
from gateway.witness.protocol import SIZE_TYPE, Submission, encode_size, parse_submission

_log = structlog.get_logger(__name__)

TEXT: Final = "text/plain; charset=utf-8"
Outcome: TypeAlias = Finding | Literal["malformed", "unknown-log", "untrusted-key", "not-saved"]
_SAYINGS: dict[Outcome, str] = {
    "malformed": "this is no add-checkpoint request (c2sp.org/tlog-witness)",
    "unknown-log": "this witness does not know a log of this origin",
    "untrusted-key": "no signature by a key that this witness trusts for this origin",
    "backwards": "the old size is larger than the checkpoint's",
    "inconsistent": "the consistency proof does not verify",
    "fork": "the log has signed another tree of which this one is no continuation; this is kept as evidence",
    "not-saved": "the witness cannot write down what it cosigns; it cosigns nothing",
}


class Reply(Struct, frozen=True):
    """The answer to a request, and what is behind it."""

    status: int
    outcome: Outcome
    body: bytes
    content_type: str = TEXT


class Vault(Protocol):
    """Where a witness remembers. See gateway.witness.folder.WitnessFolder."""

    def load(self) -> dict[str, SignedCheckpoint]:
        """What was cosigned last, by origin."""

    def save(self, origin: str, note: Note) -> None:
        """Replace a log's latest checkpoint; durable on return. Raises OSError, UncertainError."""

    def keep_evidence(self, name: str, data: bytes) -> bool:
        """Keep a file; False when there are too many. Raises OSError."""


class Evidence(Struct, frozen=True):
    """Two signed checkpoints of one log, as they are kept: see docs/witness.md."""

    v: int
    finding: Finding
    origin: str
    noticed: str
    log_keys: tuple[str, ...]
    cosigned: str
    offered: str
    old_size: int
    proof: tuple[str, ...]
    prefix_root: str


def keys_by_origin(keys: Iterable[VerifierKey]) -> dict[str, tuple[VerifierKey, ...]]:
    """A log's keys are named after its origin."""
    found: dict[str, tuple[VerifierKey, ...]] = {}
    for key in keys:
        found[key.name] = (*found.get(key.name, ()), key)
    return found


class Witness:
    """Judges one checkpoint after another; its methods may be called from any thread, and block.

    `now_s` gives Unix seconds. Raises what `vault.load` does.
    """

    def __init__(
        self, vault: Vault, signer: Signer, logs: Mapping[str, tuple[VerifierKey, ...]], now_s: Callable[[], int]
    ) -> None:
        self._vault, self._signer, self._logs, self._now_s = vault, signer, logs, now_s
        self._latest = vault.load()
        self._lock = threading.Lock()  # what is checked is still so when the result is written down
        self._uncertain = False

    @property
    def key(self) -> VerifierKey:
        """Its public key."""
        return self._signer.verifier

    def latest(self, origin: str) -> SignedCheckpoint | None:
        """What it cosigned last of a log."""
        with self._lock:
            return self._latest.get(origin)

    def refusal(self, signed: SignedCheckpoint) -> Reply | None:
        """Why a checkpoint is not even looked at: a log that is not known, or no signature by its key."""
        origin = signed.checkpoint.origin
        if origin not in self._logs:
            return _refused(404, "unknown-log", origin, signed.checkpoint.size)
        if not self._trusted(signed):
            return _refused(403, "untrusted-key", origin, signed.checkpoint.size)
        return None

    def add_checkpoint(self, body: bytes) -> Reply:
        """The answer to POST /add-checkpoint with this body."""
        submission = parse_submission(body)
        return _refused(400, "malformed") if submission is None else self.submit(submission)

    def submit(self, submission: Submission) -> Reply:
        """Check it, write it down, and only then cosign; or say why not."""
        signed = submission.signed
        refusal = self.refusal(signed)
        if refusal is not None:
            return refusal
        origin, size = signed.checkpoint.origin, signed.checkpoint.size
        with self._lock:
            before = self._latest.get(origin)
            latest = before.checkpoint if before is not None else never_cosigned(origin)
            verdict = judge(submission, latest)
            if verdict.status == 200:
                return self._cosign(signed)
            if verdict.finding == "fork" or (verdict.finding == "inconsistent" and before is not None):
                self._accuse(submission, before, verdict.finding)
        if verdict.status == 409:
            _log.info("checkpoint refused", outcome=verdict.finding, origin=origin, size=size, cosigned=latest.size)
            return Reply(409, verdict.finding, encode_size(latest.size), SIZE_TYPE)
        return _refused(verdict.status, verdict.finding, origin, size)

    def _trusted(self, signed: SignedCheckpoint) -> tuple[Signature, ...]:
        """The log's own good signatures; no others are kept."""
        note = signed.note
        keys = self._logs[signed.checkpoint.origin]
        return tuple(one for one in note.signatures if any(verified(Note(note.text, (one,)), key) for key in keys))

    def _cosign(self, signed: SignedCheckpoint) -> Reply:
        origin, size = signed.checkpoint.origin, signed.checkpoint.size
        signature = self._signer.sign(signed.note.text, self._now_s())
        note = cosigned(Note(signed.note.text, self._trusted(signed)), [signature])
        if self._uncertain:
            return _refused(503, "not-saved", origin, size)
        try:
            self._vault.save(origin, note)
        except OSError as error:
            _log.error("state cannot be written", origin=origin, error=type(error).__name__)
            return _refused(503, "not-saved", origin, size)
        except UncertainError:
            self._uncertain = True
            _log.error("state is uncertain: nothing is cosigned before a restart", origin=origin)
            return _refused(503, "not-saved", origin, size)
        self._latest[origin] = SignedCheckpoint(signed.checkpoint, note)
        _log.info("cosigned", origin=origin, size=size)
        return Reply(200, "cosigned", signature.line().encode())

    def _accuse(self, submission: Submission, before: SignedCheckpoint | None, finding: Finding) -> None:
        offered = submission.signed
        evidence = Evidence(
            v=1,
            finding=finding,
            origin=offered.checkpoint.origin,
            noticed=datetime.fromtimestamp(self._now_s(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            log_keys=tuple(key.text() for key in self._logs[offered.checkpoint.origin]),
            cosigned=before.note.encode().decode() if before is not None else "",
            offered=Note(offered.note.text, self._trusted(offered)).encode().decode(),
            old_size=submission.old_size,
            proof=tuple(map(base64_text, submission.proof)),
            prefix_root=base64_text(prefix_root(submission) or b""),
        )
        name = evidence_name(finding, offered.checkpoint)
        try:
            kept = self._vault.keep_evidence(name, msgspec.json.format(msgspec.json.encode(evidence)) + b"\n")
        except OSError as error:
            _log.error("evidence cannot be written", name=name, error=type(error).__name__)
            kept = False
        say = _log.critical if finding == "fork" else _log.error
        say(
            "THE LOG HAS FORKED" if finding == "fork" else "a signed checkpoint came with a proof that does not verify",
            origin=evidence.origin,
            size=offered.checkpoint.size,
            cosigned=before.checkpoint.size if before is not None else 0,
            evidence=name if kept else None,
        )


def evidence_name(finding: Finding, offered: Checkpoint) -> str:
    """One name for one checkpoint of one log: what is sent again is not kept again."""
    origin = sha256(offered.origin.encode()).hexdigest()[:16]
    return f"{finding}-{origin}-{offered.size}-{offered.root.hex()[:16]}.json"


def _refused(status: int, outcome: Outcome, origin: str | None = None, size: int | None = None) -> Reply:
    """A refusal in words. An unknown origin is anybody's text, and not repeated in the log."""
    _log.info("checkpoint refused", outcome=outcome, origin=origin if outcome != "unknown-log" else None, size=size)
    return Reply(status, outcome, f"{_SAYINGS[outcome]}\n".encode())
