"""A promise: a clause that measures what one side owes the other, and says what a miss is worth."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from policies.clause import Clause
from policies.direction import Directions
from policies.promise import Exclusion, OwedBy, for_partner, presence, promised
from policies.settling.facts import FactFault, Facts
from policies.settling.settled import Settled


class Promise(Clause, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the SLA kinds have in common."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Names of the facts that this kind cannot be settled without."""

    owed_by: OwedBy
    """Who promises."""
    exclude: Annotated[tuple[Exclusion, ...], Meta(max_length=3)] = ()
    """What is left out of the count."""

    def parameters(self) -> Mapping[str, Any]:
        """As of any clause, those of a credit schedule one by one, named `credit.…` as in texts."""
        own = super().parameters()
        if "credit" not in own:
            return own
        return promised({name: value for name, value in own.items() if name != "credit"}, own["credit"])

    def judged(self, newer: Clause, name: str) -> Directions:
        """Which way a change counts for the partner: what is more for the side that the promise is made to."""
        directions = super().judged(newer, name)
        if name == "owed_by" or not isinstance(newer, Promise):
            return directions
        return for_partner(directions, self.owed_by, newer.owed_by)

    def presence(self) -> Directions:
        """A promise of the hub is more for the partner, one of its own is less."""
        return presence(self.owed_by)

    def settle(self, facts: Facts) -> Settled | FactFault:
        """What is owed for the window that the facts are of. Pure; the first wrong fact comes back as a fault."""
        raise NotImplementedError
