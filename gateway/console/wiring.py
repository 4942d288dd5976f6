"""What the console is made of: its collaborators, as one value of constructor arguments."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from contracts.plan import Contract, Plan, Plans
from gateway.console.limit_uses import LimitsOf
from gateway.people.oidc import Oidc
from gateway.people.sign_offs import SignOff
from gateway.sla.tally import Tally
from gateway.source_address import SourceOf, peer_of
from gateway.store.sessions import KeptSession
from policies.limit import Charge, Limit, Moment, Standing
from policies.reference import Language


class ConsoleAccount(Protocol):
    """Who is logged in."""

    @property
    def username(self) -> str:
        """The name that was logged in with."""

    @property
    def role(self) -> str:
        """What the person does (gateway/people/roles.py)."""

    @property
    def partner(self) -> str:
        """Whose developer the person is; "" for people of the hub."""

    @property
    def language(self) -> Language:
        """The language the person reads."""


class ConsoleAccounts(Protocol):
    """Where passwords are checked."""

    async def check(self, username: str, password: str, code: str = "") -> ConsoleAccount | None:
        """The account if the password is its own, and the code of its second factor where it has one; in the same time
        whether or not the name exists."""


class ConsoleSessions(Protocol):
    """Where logins are kept for every process of the gateway (gateway/store/sessions.py, whose methods these are).

    All raise StoreError.
    """

    async def add(self, key: bytes, username: str, now_us: int) -> bool:
        """Keep a new one. False if there is no such account any more, or it is disabled."""

    async def find(self, key: bytes) -> KeptSession | None:
        """The one with this key, however old, if its account can be used."""

    async def use(self, key: bytes, now_us: int) -> bool:
        """It is used now. False if it has ended."""

    async def end(self, key: bytes) -> None:
        """It ends, if it has not."""

    async def sweep(self, *, begun_until_us: int, used_until_us: int, kept_max: int) -> None:
        """End what is too old; of the rest, keep the last used `kept_max`."""


class Usage(Protocol):
    """Where calls are counted against limits: a Limiter (policies/limit.py)."""

    async def standings(self, charges: Sequence[Charge], at: Moment) -> tuple[Standing, ...]:
        """How limits stand, in the order of the charges; charges nothing. Raises LimiterUnavailable."""


class ConsoleSignOffs(Protocol):
    """Sign-offs of agreements, as the audit log has them (gateway/people/sign_offs.py)."""

    async def given(self, contracts: Iterable[Contract]) -> Mapping[str, tuple[SignOff, ...]]:
        """Who has signed each of these off until now, by contract hash."""

    async def sign(self, contract: Contract, username: str) -> None:
        """Put on the log that this person approves this contract hash. Raises AuthorityError."""


def _as_written(plan: Plan, _: int) -> tuple[Limit, ...]:
    return plan.limits


class Console(Struct, frozen=True, kw_only=True):
    """`plans` gives what is in force now; `allow_login(username, source)` gives seconds to wait, or None to go on.

    `limits_of` gives a plan's limits as they are at a time (gateway/limits/charging.py). `source_of` tells from an ASGI
    scope who is at the form. `secure` marks cookies for TLS only: true wherever people reach the console by https.
    `public_url` is how people reach it. `oidc` is the company's identity provider, where there is one; `local_login`
    says whether local accounts may log in.
    `now` is Unix seconds, `monotonic_ns` the clock of the counters and of what is known of a session.
    """

    plans: Callable[[], Plans]
    tally: Tally
    counters: Usage
    accounts: ConsoleAccounts
    sessions: ConsoleSessions
    sign_offs: ConsoleSignOffs
    allow_login: Callable[[str, str], Awaitable[int | None]]
    limits_of: LimitsOf = _as_written
    source_of: SourceOf = peer_of
    secure: bool = False
    public_url: str = ""
    oidc: Oidc | None = None
    local_login: bool = True
    now: Callable[[], float] = time.time
    monotonic_ns: Callable[[], int] = time.monotonic_ns
