"""Judges a request's signature (RFC 9421 section 3.2): which is ours, what it covers, when it was made, whose it is.

The order is that of cost and of what the caller can do about it. What is wrong is one word of a closed list; the words
for people are in wording.py. Nothing that was sent is repeated.
"""

import hashlib
from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

from gateway.oauth.jose import CLOCK_SKEW_S
from gateway.signatures.algorithms import ALGORITHMS, is_signed_by
from gateway.signatures.base import DERIVED, Asked, field_value, signature_base
from gateway.signatures.fields import Described, byte_members, described
from gateway.store.clients import ClientKey
from policies.clause import Signing
from policies.reference import ClauseRef

TAG = "clausegate"
"""The application that our signatures are for (section 2.3), and, of several in one request, the one that is to us."""

Reason: TypeAlias = Literal[
    "not-signed",
    "no-digest",
    "malformed",
    "several",
    "not-for-us",
    "incomplete",
    "unknown-component",
    "not-covered",
    "too-early",
    "too-old",
    "no-keys",
    "unknown-key",
    "algorithm",
    "not-by-key",
    "used-before",
]


class SignatureFault(Struct, frozen=True):
    """Why a request does not count as signed, and the clause that it has to be signed by. `component` is one of the
    clause's, where it is about one."""

    reason: Reason
    clause: ClauseRef
    component: str = ""


class Claimed(Struct, frozen=True):
    """A signature that covers what it has to and was made in time; whether it is by the key that it names is not known
    yet. `until_s` is when it could not be used again anyway."""

    key_id: str
    algorithm: str | None
    signature: bytes
    base: bytes
    until_s: float

    @property
    def once(self) -> str:
        """Names what was signed, for the replay cache: of the bytes that the signature is over, for of one such text
        there may be many valid signatures (an ECDSA signature with -s for s is another)."""
        return hashlib.sha256(self.base).hexdigest()


def claimed(asked: Asked, clauses: tuple[Signing, ...], now_s: float, *, has_body: bool) -> Claimed | SignatureFault:
    """The one signature of a request that is to us, held against every clause that asks for one."""
    first = clauses[0].clause
    found = _ours(asked)
    if isinstance(found, str):
        return SignatureFault(found, first)
    member, signature = found
    created_s, key_id = member.parameters.get("created"), member.parameters.get("keyid")
    if created_s is None or key_id is None:
        return SignatureFault("incomplete", first)
    values = [(component, asked.value(component.name)) for component in member.components]
    if any(value is None or component.of_request for component, value in values):
        return SignatureFault("unknown-component", first)
    covered = frozenset(component.name for component in member.components)
    for each in clauses:
        fault = _uncovered(asked, each, covered, has_body=has_body) or _untimely(member, each, now_s)
        if fault is not None:
            return fault
    lines = [(component, value) for component, value in values if value is not None]
    ends_s = created_s + min(each.max_age_s for each in clauses)
    algorithm = member.parameters.get("alg")
    return Claimed(key_id, algorithm, signature, signature_base(lines, member.text), ends_s + CLOCK_SKEW_S)


def _ours(asked: Asked) -> tuple[Described, bytes] | Reason:
    """The signature that is to us: the only one, or of several the only one that says so by its tag."""
    sent_input, sent = field_value(asked.fields, "signature-input"), field_value(asked.fields, "signature")
    if sent_input is None or sent is None:
        return "not-signed"
    inputs, signatures = described(sent_input.encode()), byte_members(sent.encode())
    if inputs is None or signatures is None or inputs.keys() != signatures.keys():
        return "malformed"
    ours = [label for label, member in inputs.items() if member.parameters.get("tag") == TAG]
    if not ours and len(inputs) == 1:
        ours = [label for label, member in inputs.items() if "tag" not in member.parameters]
        if not ours:
            return "not-for-us"
    if len(ours) != 1:
        return "several"
    signature = signatures[ours[0]]
    return (inputs[ours[0]], signature) if signature else "malformed"


def _uncovered(asked: Asked, clause: Signing, covered: frozenset[str], *, has_body: bool) -> SignatureFault | None:
    """A component that the clause names and the request has, and that the signature leaves out."""
    if has_body and field_value(asked.fields, "content-digest") is None:
        return SignatureFault("no-digest", clause.clause)
    sent = {name.decode("latin-1") for name, _ in asked.fields}
    for part in clause.components:
        if part not in covered and (part in DERIVED or part in sent):
            return SignatureFault("not-covered", clause.clause, part)
    return None


def _untimely(member: Described, clause: Signing, now_s: float) -> SignatureFault | None:
    created_s, expires_s = member.parameters["created"], member.parameters.get("expires")
    if created_s > now_s + CLOCK_SKEW_S:
        return SignatureFault("too-early", clause.clause)
    if created_s + clause.max_age_s <= now_s or (expires_s is not None and expires_s <= now_s):
        return SignatureFault("too-old", clause.clause)
    return None


def unsigned_by(signed: Claimed, keys: Iterable[ClientKey], clauses: tuple[Signing, ...]) -> SignatureFault | None:
    """Why none of the client's keys made it; None: the one that it names did."""
    mine = tuple(keys)
    if not mine:
        return SignatureFault("no-keys", clauses[0].clause)
    named = [key for key in mine if key.kid == signed.key_id]
    if len(named) != 1:
        return SignatureFault("unknown-key", clauses[0].clause)
    algorithm = ALGORITHMS.get(named[0].alg)
    if algorithm is None or signed.algorithm not in (None, algorithm):
        return SignatureFault("algorithm", clauses[0].clause)
    for each in clauses:
        if algorithm not in each.algorithms:
            return SignatureFault("algorithm", each.clause)
    if not is_signed_by(named[0], signed.signature, signed.base):
        return SignatureFault("not-by-key", clauses[0].clause)
    return None
