"""The port of a detector: what it is told, what it remembers, what it says."""

from collections.abc import Mapping
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct

from gateway.scraping.course import Course
from gateway.scraping.finding import Severity
from gateway.scraping.seen import Local, Seen
from policies.reference import Words

State = TypeVar("State")


class Usual(Struct, frozen=True):
    """What a detector may hold what it remembers against.

    `course` is what was read hour by hour, for up to nine weeks; `requests_per_day` what the agreement declares, None
    when it declares nothing; `now_us` and `at` the present.
    """

    course: Course
    requests_per_day: int | None
    now_us: int
    at: Local


class Evidence(Struct, frozen=True):
    """Why it looks like scraping. `figures` are whole numbers by name; `weight` the one that grows as it goes on;
    `recommended` a clause in YAML that would hold it back; `text` says it in each language."""

    figures: Mapping[str, int]
    weight: int
    recommended: str
    severity: Severity
    text: Words


class Detector(Generic[State]):
    """Folds exchanges into a bounded state of one object of one agreement, and judges it. Pure but for that state."""

    name: ClassVar[str]
    """As findings and clauses of kind anomaly name it."""

    def begin(self) -> State:
        """The state of an object of which nothing is known."""
        raise NotImplementedError

    def fold(self, state: State, seen: Seen) -> None:
        """Take an exchange into account. Quick: it is done for every one of them."""
        raise NotImplementedError

    def recall(self, state: State, seen: Seen, subjects: int) -> None:
        """Take an exchange of the past into account, from the audit log: without its key, and without people but for
        how many different ones it was about."""

    def judge(self, state: State, usual: Usual) -> Evidence | None:
        """What the state says now; None: nothing to say."""
        raise NotImplementedError
