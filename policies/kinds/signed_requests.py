"""signed_requests: which changes a partner signs, so that neither side can say later that it was another one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta

from policies.clause import Binding, Clause, Signing
from policies.counted import ENFORCE, enforce_words
from policies.direction import Judge, narrowing, rising, widening
from policies.reference import Enforce, Words
from policies.wording import duration, joined, listed

Change: TypeAlias = Literal["create", "update", "delete"]
Algorithm: TypeAlias = Literal["ecdsa-p256-sha256", "ed25519", "rsa-pss-sha512"]
"""Names of RFC 9421's registry. A key has one of them, by what key it is."""
Part = Annotated[
    str, Meta(pattern=r"^(@method|@target-uri|@authority|@scheme|@request-target|@path|@query|[a-z][a-z0-9-]{0,63})\Z")
]
"""A component of a request (RFC 9421 section 2): derived, or a header field in lower case."""

PARTS: tuple[str, ...] = ("@method", "@target-uri", "authorization", "content-digest", "idempotency-key", "if-match")
"""What makes a request the one that it is: what is to be done where, under which token, with what, how often."""
ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256-sha256", "ed25519", "rsa-pss-sha512")
MAX_AGE_MIN = timedelta(seconds=10)
MAX_AGE_MAX = timedelta(minutes=10)
"""So long a signature is remembered, so that it is not used twice."""

_CHANGES: Mapping[str, Words] = {
    "create": {"zh": "新增（create）", "en": "creating a record (create)"},
    "update": {"zh": "更改（update）", "en": "changing a record (update)"},
    "delete": {"zh": "删除（delete）", "en": "deleting a record (delete)"},
}


class SignedRequests(Clause, frozen=True, forbid_unknown_fields=True, tag="signed_requests", kw_only=True):
    """Requests of these `operations` are signed by a registered key of the client (RFC 9421).

    The signature covers at least those components of `covers` that the request has: a header field that was not sent
    need not be covered, one that was sent has to be. A request with a body has a Content-Digest (RFC 9530). Each
    signature is good once, and for `max_age`.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        "operations": narrowing,
        "covers": narrowing,
        "algorithms": widening,
        "max_age": rising,
        "enforce": ENFORCE,
    }

    operations: Annotated[tuple[Change, ...], Meta(min_length=1)]
    """What has to be signed: create, update, delete."""
    covers: Annotated[tuple[Part, ...], Meta(min_length=1, max_length=16)] = PARTS
    """Components that the signature covers, as far as the request has them. The method, the target and the digest of
    the body cannot be left out."""
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)] = ALGORITHMS
    """Signature algorithms that count. A client whose key has none of them cannot make such a request."""
    max_age: timedelta
    """How long ago the signature was made, at most: PT10S to PT10M."""
    enforce: Enforce = "refuse"
    """`observe`: a change that is not signed so is made and recorded, not refused."""

    def unsaid(self) -> frozenset[str]:
        """A sentence may speak of components and algorithms in general while they are the usual ones."""
        usual = {
            "covers": self.covers == PARTS,
            "algorithms": self.algorithms == ALGORITHMS,
            "enforce": self.enforce == "refuse",
        }
        return frozenset(name for name, is_usual in usual.items() if is_usual)

    def faults(self) -> list[tuple[str, str]]:
        missing = [part for part in ("@method", "@target-uri", "content-digest") if part not in self.covers]
        found = [
            ("covers", f"{part} has to be covered: without it the signature is good for other requests")
            for part in missing
        ]
        if not MAX_AGE_MIN <= self.max_age <= MAX_AGE_MAX:
            found.append(("max_age", "a signature is good for 10 seconds to 10 minutes: PT10S to PT10M"))
        return found

    def words(self) -> dict[str, Words]:
        return {
            "operations": joined(_CHANGES[operation] for operation in self.operations),
            "covers": listed(self.covers),
            "algorithms": listed(self.algorithms),
            "max_age": duration(self.max_age),
            "enforce": enforce_words(self.enforce),
        }

    def effect(self, binding: Binding) -> Signing | None:
        if binding.operation not in self.operations:
            return None
        max_age_s = int(self.max_age.total_seconds())
        return Signing(binding.clause, self.covers, frozenset(self.algorithms), max_age_s, self.enforce)
