"""A clause, what it does to a request, and the Verdict that follows (a value, never an exception)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from msgspec import Struct

from policies.direction import TIGHTENS, Directions, Judge, unordered
from policies.gate import Gate
from policies.limit import Limit, Standing
from policies.reference import ClauseId, ClauseRef, Enforce, Language, Words


class Granted(Struct, frozen=True):
    """The request may go on.

    `observed` are the numbers of clauses that only watch and would have refused; `uncounted` those of limits that let
    the request pass while it could not be counted with everybody. `records` is how the quota of records stands that
    allows the smallest page, None when there is none.
    """

    observed: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    records: Standing | None = None


class Refused(Struct, frozen=True):
    """The request may not go on, and this clause says why. `reason` is a code of gateway/problems.py."""

    clause: ClauseRef
    reason: str
    retry_after_s: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    observed: tuple[str, ...] = ()


Verdict: TypeAlias = Granted | Refused


class Meter(Struct, frozen=True, gc=False):
    """Counts exchanges for an SLA clause, slice by slice of `slice_s` seconds, over calendar months.

    An exchange is good when its status is below `good_below_status` and, if `within_us` is set, its latency is at
    most that. `counts_refusals` False leaves statuses 400-499 out of the total: the caller's own mistakes neither
    help nor hurt. `basis` slices: the achieved share is the mean of the slices' shares; requests: good requests out of
    all. `target_percent` (decimal text) is the share of good exchanges promised; exactly at it is met.
    `thresholds_us` are all latencies at which answers are counted, the first being `within_us`. `side` is what counts:
    "in" calls of the partner, "out" calls of the partner's API through the gateway, "data" samples of the data, those
    of the quality rule `rule` in one `direction`. `per_operation` keeps the counts of each operation apart.
    """

    clause: ClauseRef
    basis: Literal["slices", "requests"]
    slice_s: int
    good_below_status: int
    within_us: int | None
    counts_refusals: bool
    empty_slice: Literal["good", "ignore", "bad"]
    target_percent: str
    thresholds_us: tuple[int, ...] = ()
    side: Literal["in", "out", "data"] = "in"
    per_operation: bool = False
    rule: str = ""
    direction: Literal["", "in", "out"] = ""


class PageSize(Struct, frozen=True, gc=False):
    """How many records a page holds: `default` when the caller does not say, never more than `maximum`."""

    clause: ClauseRef
    default: int
    maximum: int


class Bulk(Struct, frozen=True, gc=False):
    """A bulk read that the agreement declares, so that nobody takes it for scraping.

    It is in bounds on `days` (0 Monday to 6 Sunday) from `from_minute` to `until_minute` of the day in `zone`, past
    midnight when the second is not later, and up to `records` in one such span, counted from its beginning.
    """

    clause: ClauseRef
    days: frozenset[int]
    from_minute: int
    until_minute: int
    records: int
    zone: str


class Anomaly(Struct, frozen=True, gc=False):
    """What may be done, once a person confirmed it, when the traffic looks like scraping.

    `findings` are the names of detectors (gateway/scraping/) that it is about; `action` throttle admits `calls` in
    `window_ns`, suspend none; it ends by itself after `lasts_s` unless it was lifted before.
    """

    clause: ClauseRef
    findings: frozenset[str]
    action: Literal["throttle", "suspend"]
    calls: int
    window_ns: int
    lasts_s: int


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


class Authentication(Struct, frozen=True, gc=False):
    """How the partner's clients say who they are: by one of `methods` (RFC 7591 token_endpoint_auth_method), and with
    tokens bound to one of `bindings`: none, dpop (RFC 9449), mtls (RFC 8705)."""

    clause: ClauseRef
    methods: frozenset[str]
    bindings: frozenset[str]


class Signing(Struct, frozen=True, gc=False):
    """A request has to be signed (RFC 9421): `components` at least are covered, by one of `algorithms` (names of that
    RFC's registry), and the signature was made at most `max_age_s` ago. `enforce` observe: it is only watched whether
    it is."""

    clause: ClauseRef
    components: tuple[str, ...]
    algorithms: frozenset[str]
    max_age_s: int
    enforce: Enforce = "refuse"


Effect: TypeAlias = Gate | Limit | Meter | PageSize | Bulk | Anomaly | Disclosure | Authentication | Signing


class Binding(Struct, frozen=True, gc=False):
    """Where a clause is bound: everything `Clause.effect` may need to know about the agreement and the view."""

    clause: ClauseRef
    partner: str
    product: str
    operation: str
    purposes: tuple[str, ...]
    zone: str


class Clause(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    """One numbered rule of a policy: an id, its sentence in each language, and the parameters of its kind."""

    judges: ClassVar[Mapping[str, Judge]] = {}
    """Which way each parameter counts for the partner; one that is not named here counts both ways."""

    id: ClauseId
    """Its number."""
    text: dict[Language, str]
    """Its sentence in each language, with the parameters by name in braces."""

    def parameters(self) -> Mapping[str, Any]:
        """The values that bind, by the names that documents and `judges` give them: all but number and text."""
        named = zip(self.__struct_encode_fields__, self.__struct_fields__, strict=True)
        return {written: getattr(self, name) for written, name in named if name not in ("id", "text")}

    def unsaid(self) -> frozenset[str]:
        """Parameters that are at their default: a sentence may name them, and need not."""
        return frozenset()

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

    def effect(self, binding: Binding) -> Effect | None:
        """What this clause does to a request on one plan; None: nothing, there."""
        raise NotImplementedError
