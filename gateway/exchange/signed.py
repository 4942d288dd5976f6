"""signed: does the change come as its partner signed it? What an agreement wants signed, and a digest that was sent."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct

from contracts.plan import Plan
from gateway.credentials.noted import NoteUse, unnoted
from gateway.exchange.arrival import Arrival
from gateway.exchange.caller import Caller
from gateway.exchange.outcome import Outcome, problem
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.signatures.base import Asked, origin_of
from gateway.signatures.digest import fits
from gateway.signatures.judging import SignatureFault, claimed, unsigned_by
from gateway.signatures.wording import said
from gateway.store.clients import ClientKey

KeysOf: TypeAlias = Callable[[str, str, float], Awaitable[tuple[ClientKey, ...] | None]]
"""The keys of a client, by client_id, key id and Unix time: gateway/signatures/client_keys.py."""

_SLOW_BODY_S = 60
"""A signature is judged as of when its request began, and used up when its body is there, at most 30 s later
(change.py): it is remembered that much longer, or a slow copy would find it forgotten."""
_REQUIRED = frozenset({"not-signed", "no-digest"})
_LATER = ((b"retry-after", b"5"),)


class SignedChanges(Struct, frozen=True):
    """Holds changes against the clauses that want them signed. `base_url` is where callers reach us."""

    base_url: str
    keys_of: KeysOf
    replay: ReplayCache
    note_use: NoteUse = unnoted

    async def check(self, plan: Plan, caller: Caller, body: bytes) -> Outcome | None:
        """Why the change is not made; None: go on. A signature that passes is used up."""
        arrival = caller.arrival
        sent = arrival.headers.get(b"content-digest")
        if sent is not None and not fits(sent, body):
            return problem("digest-mismatch")
        if not plan.signing:
            return None
        now_s = arrival.time_us / 1e6
        asked = Asked(origin_of(self.base_url), arrival.method, arrival.path, arrival.query, arrival.sent)
        signed = claimed(asked, plan.signing, now_s, has_body=bool(body))
        if isinstance(signed, SignatureFault):
            return self._refused(signed, arrival)
        client_id = caller.grant.client
        keys = await self.keys_of(client_id, signed.key_id, now_s)
        if keys is None:
            return problem("state-unavailable", headers=_LATER)
        fault = unsigned_by(signed, keys, plan.signing)
        if fault is not None:
            return self._refused(fault, arrival)
        use = await self.replay.claim(f"signature {client_id}", signed.once, now_s, signed.until_s + _SLOW_BODY_S)
        if use == "unavailable":
            return problem("state-unavailable", headers=_LATER)
        if use == "again":
            return self._refused(SignatureFault("used-before", plan.signing[0].clause), arrival)
        self.note_use(client_id, f"key:{signed.key_id}")
        return None

    def _refused(self, fault: SignatureFault, arrival: Arrival) -> Outcome:
        code = "signature-required" if fault.reason in _REQUIRED else "signature-invalid"
        detail = said(fault, arrival.language, self.base_url)
        return problem(code, fault.clause, detail=detail, reason=f"signature-{fault.reason}")


def nobody_signs() -> SignedChanges:
    """For a gateway without clients' keys: what has to be signed cannot be done there."""

    async def keys_of(_client_id: str, _key_id: str, _now_s: float) -> None:
        return None

    return SignedChanges("", keys_of, LocalReplayCache())
