"""Whether any client at all can meet all that an agreement asks of how clients authenticate."""

from collections.abc import Iterable

from contracts.agreement import Agreement
from contracts.finding import Finding
from contracts.terms import Term
from contracts.workspace import Loaded
from policies.kinds.authentication import ATTAINABLE, AuthenticationRule


def authentication_findings(loaded: Loaded[Agreement], terms: Iterable[Term]) -> list[Finding]:
    """Clauses that no client can meet together: each by itself is checked with its policy."""
    rules = [(term.ref.id, term.clause) for term in terms if isinstance(term.clause, AuthenticationRule)]
    if len(rules) < 2:
        return []
    methods = frozenset.intersection(*(frozenset[str](rule.methods) for _, rule in rules))
    bound_to = frozenset.intersection(*(frozenset[str](rule.bound_to) for _, rule in rules))
    if any(ATTAINABLE[method] & bound_to for method in methods):
        return []
    numbers = " and ".join(number for number, _ in rules)
    message = f"clauses {numbers} ask for ways to authenticate that no client can meet together: nobody could call"
    return [loaded.source.finding("authentication-impossible", message, ("policies",))]
