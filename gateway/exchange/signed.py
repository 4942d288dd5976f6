"""signed: does the change come as its partner signed it? What an agreement wants signed, and a digest that was sent."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct

from contracts.plan import Plan
from gateway.credentials.noted import Lasting, NoteUse, unnoted
from gateway.exchange.arrival import Arrival
from gateway.exchange.caller import Caller
from gateway.exchange.outcome import Outcome, problem
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.signatures.base import Asked, origin_of
from gateway.signatures.digest import fits
from gateway.signatures.judging import Claimed, SignatureFault, claimed, unsigned_by
from gateway.signatures.wording import said
from gateway.store.clients import ClientKey, end_of
from policies.clause import Signing

KeysOf: TypeAlias = Callable[[str, str, float], Awaitable[tuple[ClientKey, ...] | None]]
"""The keys of a client, by client_id, key id and Unix time: gateway/signatures/client_keys.py."""

_SLOW_BODY_S = 60
"""A signature is judged as of when its request began, and used up when its body is there, at most 30 s later
(change.py): it is remembered that much longer, or a slow copy would find it forgotten."""
_REQUIRED = frozenset({"not-signed", "no-digest"})
_LATER = ((b"retry-after", b"5"),)

_Group: TypeAlias = tuple[Signing, ...]
_Found: TypeAlias = Claimed | SignatureFault | None
"""A signature that counts, or why there is none; None: nobody can say now."""


class SignedChanges(Struct, frozen=True):
    """Holds changes against the clauses that want them signed. `base_url` is where callers reach us."""

    base_url: str
    keys_of: KeysOf
    replay: ReplayCache
    note_use: NoteUse = unnoted

    async def check(self, plan: Plan, caller: Caller, body: bytes) -> tuple[str, ...] | Outcome:
        """The numbers of the clauses that only watch and would have refused the change; or why it is not made.

        A signature that passes is used up. One that is wrong, and one of which nobody can say now whether it is right,
        is as good as none to a clause that only watches.
        """
        arrival = caller.arrival
        sent = arrival.headers.get(b"content-digest")
        if sent is not None and not fits(sent, body):
            return problem("digest-mismatch")
        if not plan.signing:
            return ()
        groups, observed = _groups(plan.signing), list[str]()
        for group, found in zip(groups, await self._judged(groups, caller, has_body=bool(body)), strict=True):
            if isinstance(found, Claimed):
                continue
            if group[0].enforce == "refuse":
                return problem("state-unavailable", headers=_LATER) if found is None else self._refused(found, arrival)
            observed.append(group[0].clause.id)
        return tuple(observed)

    async def _judged(self, groups: list[_Group], caller: Caller, *, has_body: bool) -> list[_Found]:
        """What each group finds. The signature is used up if one of them takes it and none refuses the change."""
        arrival, client_id = caller.arrival, caller.grant.client
        now_s = arrival.time_us / 1e6
        asked = Asked(origin_of(self.base_url), arrival.method, arrival.path, arrival.query, arrival.sent)
        found: list[_Found] = [claimed(asked, group, now_s, has_body=has_body) for group in groups]
        good = [each for each in found if isinstance(each, Claimed)]
        if not good or _is_refused(groups, found):
            return found
        keys = await self.keys_of(client_id, good[0].key_id, now_s)
        if keys is None:
            return [None] * len(groups)
        found = [_by_key(each, keys, group) for each, group in zip(found, groups, strict=True)]
        good = [each for each in found if isinstance(each, Claimed)]
        if not good or _is_refused(groups, found):
            return found
        until_s = max(each.until_s for each in good) + _SLOW_BODY_S
        use = await self.replay.claim(f"signature {client_id}", good[0].once, now_s, until_s)
        if use == "unavailable":
            return [None] * len(groups)
        if use == "again":
            return [SignatureFault("used-before", group[0].clause) for group in groups]
        key_id = good[0].key_id
        self.note_use(client_id, f"key:{key_id}", Lasting(ends_s=end_of(key_id, keys)))
        return found

    def _refused(self, fault: SignatureFault, arrival: Arrival) -> Outcome:
        code = "signature-required" if fault.reason in _REQUIRED else "signature-invalid"
        detail = said(fault, arrival.language, self.base_url)
        return problem(code, fault.clause, detail=detail, reason=f"signature-{fault.reason}")


def _groups(signing: tuple[Signing, ...]) -> list[_Group]:
    """Clauses that are judged together: first those that refuse, all of which have to hold; one that only watches is
    judged by itself."""
    refusing = tuple(each for each in signing if each.enforce == "refuse")
    watching = [(each,) for each in signing if each.enforce == "observe"]
    return [refusing, *watching] if refusing else [*watching]


def _is_refused(groups: list[_Group], found: list[_Found]) -> bool:
    return groups[0][0].enforce == "refuse" and not isinstance(found[0], Claimed)


def _by_key(found: _Found, keys: tuple[ClientKey, ...], group: _Group) -> _Found:
    return (unsigned_by(found, keys, group) or found) if isinstance(found, Claimed) else found


def nobody_signs() -> SignedChanges:
    """For a gateway without clients' keys: what has to be signed cannot be done there."""

    async def keys_of(_client_id: str, _key_id: str, _now_s: float) -> None:
        return None

    return SignedChanges("", keys_of, LocalReplayCache())
