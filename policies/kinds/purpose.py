"""purpose: what the data may be used for."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from policies.clause import Binding, Clause
from policies.direction import Judge, ranked, widening_in_order
from policies.gate import Call, Gate, Held
from policies.reference import Words
from policies.wording import listed

PurposeName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}\Z")]


class PurposeGate(Gate, frozen=True, gc=False, kw_only=True):
    """Lets a call pass by what it says its purpose is. `when_unstated` is the purpose assumed, None refuses."""

    reasons: ClassVar[tuple[str, ...]] = ("purpose-not-covered",)

    purposes: frozenset[str]
    when_unstated: str | None

    def check(self, call: Call) -> Held | None:
        purpose = call.purpose
        fits = self.when_unstated is not None if purpose is None else purpose.decode("latin-1") in self.purposes
        return None if fits else Held("purpose-not-covered")


class Purpose(Clause, frozen=True, forbid_unknown_fields=True, tag="purpose", kw_only=True):
    """The purposes for which the partner may read, out of those that each view declares.

    A caller states its purpose in the `Clausegate-Purpose` request header. Without it, `unstated: assume` takes the
    first purpose that both clause and view name; `unstated: refuse` refuses the call.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        "allowed": widening_in_order,
        "unstated": ranked("refuse", "assume"),
    }

    allowed: Annotated[tuple[PurposeName, ...], Meta(min_length=1)]
    """The purposes; a view adds its own list, and both have to hold."""
    unstated: Literal["assume", "refuse"]
    """What happens to a call that states no purpose."""

    def words(self) -> dict[str, Words]:
        unstated: Words = (
            {"zh": "视为上述首项目的", "en": "taken as made for the first of these purposes"}
            if self.unstated == "assume"
            else {"zh": "予以拒绝", "en": "refused"}
        )
        return {"allowed": listed(self.allowed), "unstated": unstated}

    def effect(self, binding: Binding) -> PurposeGate:
        shared = [purpose for purpose in self.allowed if purpose in binding.purposes]
        assumed = shared[0] if shared and self.unstated == "assume" else None
        return PurposeGate(clause=binding.clause, purposes=frozenset(shared), when_unstated=assumed)
