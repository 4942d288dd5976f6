"""Who comes from the identity provider gets an account, made at the first login, with the role of their groups now.

Each is a change of authority: recorded on the audit log first. Names have a colon, which no local account's has: nobody
at the provider can take the name of a local account, whatever they are called there.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from gateway.audit.events import Event
from gateway.people.id_token import Person
from gateway.people.roles import Groups, Seat
from gateway.store.accounts import Account, Accounts
from policies.reference import Language

PREFIX: Final = "oidc:"
_NAME_CHARACTERS_MAX: Final = 48
_SUBJECT_CHARACTERS_MAX: Final = 512
_CLAIMS: Final = ("preferred_username", "email", "name")

Record: TypeAlias = Callable[[Event, str, str], Awaitable[None]]
"""Puts an event, its subject, and whose developer it is about ("": of none) on the audit log. Raises AuthorityError."""


class Arrivals:
    """From what the provider says of a person to their account. Methods raise AuthorityError and StoreError."""

    def __init__(self, accounts: Accounts, groups: Groups, claim: str, record: Record) -> None:
        self._accounts, self._groups, self._claim, self._record = accounts, groups, claim, record

    async def account(self, issuer: str, person: Person, language: Language) -> Account | None:
        """The person's account, with the role of today. None for somebody who has no role here, or is disabled."""
        subject = f"{issuer} {person.subject}"
        seat = self._groups.seat_of(person.claims.get(self._claim))
        known = await self._accounts.of_subject(subject)
        if known is not None and (seat is None or known.disabled):
            await self._accounts.end_sessions(known.username)
            return None
        if seat is None or len(subject) > _SUBJECT_CHARACTERS_MAX:
            return None
        if known is None:
            return await self._welcome(subject, person, seat, language)
        if known.seat != seat:
            await self._record("account-changed", f"{known.username} role", seat.partner)
            await self._accounts.set_seat(known.username, seat)
            return await self._accounts.of_subject(subject)
        return known

    async def _welcome(self, subject: str, person: Person, seat: Seat, language: Language) -> Account | None:
        for username in usernames(subject, person.claims):
            if await self._accounts.find(username) is None:
                await self._record("account-created", username, seat.partner)
                made = await self._accounts.admit(username, subject, seat, language)
                if made is not None:
                    return made
            # the name is somebody else's, or this very person's, who logged in twice at once
            known = await self._accounts.of_subject(subject)
            if known is not None:
                return None if known.disabled else known
        return None


def usernames(subject: str, claims: dict[str, Any]) -> tuple[str, str]:
    """What to call a person: as they are called there, and if that is taken by another, with a hash of the subject."""
    called = next((found for name in _CLAIMS if (found := _plain(claims.get(name)))), "person")
    return PREFIX + called, f"{PREFIX}{called}-{hashlib.sha256(subject.encode()).hexdigest()[:8]}"


def _plain(claim: object) -> str:
    """Of a name what a username may have: lower case, letters, digits and . _ @ -"""
    said = claim.lower() if isinstance(claim, str) else ""
    return re.sub(r"[^a-z0-9._@-]+", "-", said)[:_NAME_CHARACTERS_MAX].strip("-")
