"""What the engine asks of a counter, whichever kind of limit it is for."""

from typing import Protocol

from policies.limit import Charge, Limit, Moment, Standing
from policies.seed import Seed


class Counted(Protocol):
    """A charge and the counter that it is against, bound together. `now_ns` is monotonic, `time_us` Unix time."""

    @property
    def limit(self) -> Limit:
        """The limit that is held against the counter."""

    def wait_ns(self, now_ns: int, time_us: int, hold: str) -> int:
        """How long until the charge fits; 0 when it fits now."""

    def take(self, now_ns: int, time_us: int, hold: str) -> Standing:
        """Charge it, whether it fits or not: `wait_ns` was asked at the same moment. How the limit stands then."""

    def standing(self, now_ns: int, time_us: int) -> Standing:
        """How the limit stands, without charging. Changes nothing that a later decision depends on."""


class Counter(Protocol):
    """One key's state."""

    def bind(self, charge: Charge) -> Counted:
        """This counter for one charge."""

    def charge_past(self, charge: Charge, at: Moment) -> None:
        """Charge something that happened, whether it fitted or not, in whichever order such things are told."""

    def release(self, hold: str) -> None:
        """An exchange has ended."""

    def idle(self, now_ns: int, time_us: int) -> bool:
        """A new counter would do as well."""

    def seed(self, key: str, at: Moment) -> Seed | None:
        """What it knows; None when that is nothing."""

    def adopt(self, seed: Seed, at: Moment) -> None:
        """Count what the seed says, as far as it is not counted already (policies/seed.py)."""
