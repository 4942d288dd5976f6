"""What the console is made of: its collaborators, as one value of constructor arguments."""

import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from contracts.plan import Plans
from gateway.sla.tally import Tally
from policies.clause import Language, Limit


class ConsoleAccount(Protocol):
    """Who is logged in."""

    @property
    def username(self) -> str:
        """The name that was logged in with."""

    @property
    def role(self) -> str:
        """What the person does: operator, ops, legal."""

    @property
    def language(self) -> Language:
        """The language the person reads."""


class ConsoleAccounts(Protocol):
    """Where passwords are checked."""

    async def check(self, username: str, password: str) -> ConsoleAccount | None:
        """The account if the password is its own, in the same time whether or not the name exists."""


class Usage(Protocol):
    """Where calls are counted against limits."""

    def used(self, key: str, limit: Limit) -> int:
        """Calls charged to a key in the window that ends now."""


class Console(Struct, frozen=True, kw_only=True):
    """`plans` gives what is in force now; `allow_login(username, source)` gives seconds to wait, or None to go on.

    `secure` marks cookies for TLS only: true wherever people reach the console by https. `now` is Unix seconds.
    """

    plans: Callable[[], Plans]
    tally: Tally
    counters: Usage
    accounts: ConsoleAccounts
    allow_login: Callable[[str, str], Awaitable[int | None]]
    secure: bool = False
    now: Callable[[], float] = time.time
