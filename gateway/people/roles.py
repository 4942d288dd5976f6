"""The roles of people, in one table: what each may see and do; and which group of an identity provider has which."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct

Role: TypeAlias = Literal["ops", "legal", "admin", "auditor", "partner-developer"]
Allowed: TypeAlias = Literal["see-console", "sign-off", "see-portal"]
"""What a person can do here by their role. A page asks for each (tests/unit/console/test_doors.py lists the pages): a
word that none asks for would promise what nothing keeps."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)

ALLOWED: Final[Mapping[Role, frozenset[Allowed]]] = MappingProxyType(
    {
        "ops": frozenset({"see-console"}),  # keeps the gateway going, and binds the company to nothing
        "legal": frozenset({"see-console", "sign-off"}),
        "admin": frozenset({"see-console", "sign-off"}),  # of a hub that is one person, who has to sign as well
        "auditor": frozenset({"see-console"}),  # reads everything, changes nothing
        "partner-developer": frozenset({"see-portal"}),  # of the one partner that its account names
    }
)

_PARTNER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")


def may(role: str, what: Allowed) -> bool:
    """Whether a role may do that. A role that the table does not have may nothing."""
    return any(known == role and what in allowed for known, allowed in ALLOWED.items())


def who_may(what: Allowed) -> tuple[Role, ...]:
    """The roles that may do that, in the order of the table."""
    return tuple(role for role in ROLES if may(role, what))


def home_of(role: str) -> str:
    """Where a person of this role begins."""
    return "/portal/" if may(role, "see-portal") else "/console/"


class Seat(Struct, frozen=True):
    """A role, and whose developer that is: `partner` is "" for people of the hub."""

    role: Role
    partner: str = ""


def seat_of(role: str, partner: str) -> Seat | None:
    """A seat that can be: partner-developers have a partner, people of the hub have none. None for any other."""
    known = next((each for each in ROLES if each == role), None)
    if known is None or bool(partner) != (known == "partner-developer"):
        return None
    return Seat(known, partner) if not partner or _PARTNER.fullmatch(partner) else None


class Groups:
    """The setting `oidc_roles`: group=role, or group=partner-developer:partner. A group may have = in it, a role not.

    Raises ValueError for a line that says neither.
    """

    def __init__(self, setting: Iterable[str]) -> None:
        self._seats: list[tuple[str, Seat]] = []
        for line in setting:
            group, _, said = line.rpartition("=")
            role, _, partner = said.partition(":")
            seat = seat_of(role, partner)
            if not group or seat is None:
                raise ValueError(
                    f"{line}: written as group=role or group=partner-developer:partner; roles are {', '.join(ROLES)}"
                )
            self._seats.append((group, seat))

    def seat_of(self, claim: object) -> Seat | None:
        """The seat of the first line whose group is in a claim, which is a name or a list of names; None: of none."""
        names = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
        return next((seat for group, seat in self._seats if group in names), None)
