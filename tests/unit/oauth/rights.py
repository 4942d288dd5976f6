"""What agreements give in these tests: a logistics firm and a bank without a clause, and a vault that is particular."""

from collections.abc import Iterable

from gateway.oauth.access import Right
from policies.clause import Authentication
from policies.reference import ClauseRef

BOUND = Authentication(
    ClauseRef("vault-2026", "2.0.0", "7.1", "authentication", {"en": "Bound.", "zh": "绑定。"}),
    frozenset({"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}),
    frozenset({"dpop", "mtls"}),
)


def right(
    agreement: str,
    product: str,
    action: str,
    scope: str = "",
    *,
    purposes: Iterable[str] = (),
    clauses: tuple[Authentication, ...] = (),
) -> Right:
    """One operation; its scope is named after it unless it is given."""
    return Right(agreement, "2.0.0", product, action, scope or f"{product}:{action}", frozenset(purposes), clauses)


OWN = right("", "partner", "partner", "partner")
"""What every partner of these does for itself, on no terms."""
RIGHTS = {
    "swift-logistics": (
        right("swift-2026", "shipments", "get", purposes=["delivery"]),
        right("swift-2026", "shipments", "list", purposes=["delivery", "planning"]),
    ),
    "harbor-bank": (right("harbor-2026", "repayments", "list"),),
    "vault-bank": (
        right("vault-2026", "accounts", "list", "accounts:read", clauses=(BOUND,)),
        right("vault-2026", "accounts", "get", "accounts:read", clauses=(BOUND,)),
        right("vault-2026", "accounts", "update", "accounts:write", clauses=(BOUND,)),
        right("vault-2026", "balances", "list", "balances:read", clauses=(BOUND,)),
    ),
}
