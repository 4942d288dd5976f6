"""A clause and what it does to a request: Verdict (a value, never an exception), Gate, Limit and Meter."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec import Meta, Struct

from policies.direction import TIGHTENS, Directions, Judge, unordered

Language: TypeAlias = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
ClauseId = Annotated[str, Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,31}\Z")]
"""A clause's number. It goes into headers and records, so it is held to what may stand there."""
Words: TypeAlias = Mapping[Language, str]
"""The same thing said in each language."""


class ClauseRef(Struct, frozen=True, gc=False):
    """The clause as a refusal, a record or a screen names it: which agreement, which number, its rendered text."""

    agreement: str
    version: str
    id: str
    kind: str
    text: Words


class Granted(Struct, frozen=True):
    """The request may go on. `headers` are the RateLimit fields to send with the answer."""

    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refused(Struct, frozen=True):
    """The request may not go on, and this clause says why. `reason` is a code of gateway/problems.py."""

    clause: ClauseRef
    reason: str
    retry_after_s: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


Verdict: TypeAlias = Granted | Refused


class Gate(Struct, frozen=True, gc=False):
    """Lets a request pass by what it says its purpose is. `when_unstated` is the purpose assumed, None refuses."""

    clause: ClauseRef
    purposes: frozenset[str]
    when_unstated: str | None


Per: TypeAlias = Literal["partner", "client", "operation"]
OnOutage: TypeAlias = Literal["refuse", "allow", "local"]


class Limit(Struct, frozen=True, gc=False):
    """At most `limit` calls in any window of `window_ns`, and at most `burst` at once.

    `key` names the counter; with `per` client the caller's client id is appended at run time.
    """

    clause: ClauseRef
    key: str
    per: Per
    limit: int
    window_ns: int
    burst: int
    on_outage: OnOutage


class Meter(Struct, frozen=True, gc=False):
    """Counts exchanges for an SLA clause, slice by slice of `slice_s` seconds, over calendar months.

    An exchange is good when its status is below `good_below_status` and, if `within_us` is set, its latency is at
    most that. `counts_refusals` False leaves statuses 400-499 out of the total: the caller's own mistakes neither
    help nor hurt. `basis` slices: the achieved share is the mean of the slices' shares; requests: good requests out of
    all. `target_percent` (decimal text) is the share of good exchanges promised; exactly at it is met.
    """

    clause: ClauseRef
    basis: Literal["slices", "requests"]
    slice_s: int
    good_below_status: int
    within_us: int | None
    counts_refusals: bool
    empty_slice: Literal["good", "ignore"]
    target_percent: str


class Disclosure(Struct, frozen=True, gc=False):
    """How fields of some classifications may be disclosed. It binds documents: nothing of it is left at run time.

    `classifications` are those it is about; `techniques` the names of those allowed for them, to a partner whose role
    is not among `except_roles`. With `needs_legal_basis` a view that discloses such a field names its legal basis.
    """

    clause: ClauseRef
    classifications: frozenset[str]
    techniques: frozenset[str]
    except_roles: frozenset[str]
    needs_legal_basis: bool = False


Effect: TypeAlias = Gate | Limit | Meter | Disclosure


class Binding(Struct, frozen=True, gc=False):
    """Where a clause is bound: everything `Clause.effect` may need to know about the agreement and the view."""

    clause: ClauseRef
    partner: str
    product: str
    operation: str
    purposes: tuple[str, ...]


class Clause(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    """One numbered rule of a policy: an id, its sentence in each language, and the parameters of its kind."""

    judges: ClassVar[Mapping[str, Judge]] = {}
    """Which way each parameter counts for the partner; one that is not named here counts both ways."""

    id: ClauseId
    """Its number."""
    text: dict[Language, str]
    """Its sentence in each language, with the parameters by name in braces."""

    def parameters(self) -> Mapping[str, Any]:
        """The values that bind, by the names of `judges`: every field but number and text."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name not in ("id", "text")}

    def judged(self, newer: "Clause", name: str) -> Directions:
        """Which way it counts for the partner that `newer`, of the same kind, has another value of a parameter."""
        judge = self.judges.get(name, unordered)
        return judge(self.parameters()[name], newer.parameters()[name])

    def presence(self) -> Directions:
        """What it does to the partner that the clause is there at all."""
        return TIGHTENS

    def faults(self) -> list[tuple[str, str]]:
        """What no type can say: (parameter, what is wrong) for values that contradict each other."""
        return []

    def words(self) -> dict[str, Words]:
        """Each parameter's value as it reads in a sentence, per language. Keys are the placeholders."""
        raise NotImplementedError

    def effect(self, binding: Binding) -> Effect:
        """What this clause does to a request on one plan."""
        raise NotImplementedError
