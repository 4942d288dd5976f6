"""Lanes: what is counted apart under an agreement. Each meter has one, or one for each operation where it says so."""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from contracts.plan import Contract, Plan
from policies.clause import Binding, Meter


class Lane(Struct, frozen=True, gc=False):
    """One row of counts.

    `clause` is the clause's id, `side` what is counted: "in" calls of the partner, "out" calls of the partner's API,
    "data" samples of the data. `product` and `operation` tell lanes of one clause apart, "" where all count together.
    Two lanes that are equal count alike, whatever else a clause says: that is how counts outlive an edit.
    """

    clause: str
    side: str
    product: str
    operation: str
    good_below_status: int
    thresholds_us: tuple[int, ...]
    counts_refusals: bool
    rule: str = ""
    direction: str = ""


def lane_of(meter: Meter, product: str, operation: str) -> Lane:
    """Where a meter counts what happens with an operation of a product."""
    apart = meter.per_operation
    return Lane(
        clause=meter.clause.id,
        side=meter.side,
        product=product if apart or meter.side == "data" else "",
        operation=operation if apart else "",
        good_below_status=meter.good_below_status,
        thresholds_us=thresholds_of(meter),
        counts_refusals=meter.counts_refusals,
        rule=meter.rule,
        direction=meter.direction,
    )


encode_lane = Encoder().encode
"""A lane as JSON: the same bytes for equal lanes."""
decode_lane = Decoder(Lane).decode


def counts_as(lane: Lane, meter: Meter) -> bool:
    """Whether a lane is one of a meter, and not of the same clause as it was before an edit."""
    return lane.clause == meter.clause.id and lane == lane_of(meter, lane.product, lane.operation)


def thresholds_of(meter: Meter) -> tuple[int, ...]:
    """The times at which answers are counted, in microseconds: all that a clause asks for."""
    asked = meter.thresholds_us
    return asked if meter.within_us is None or meter.within_us in asked else (meter.within_us, *asked)


def lanes_of(plans: Iterable[Plan]) -> Iterator[tuple[Lane, Meter]]:
    """The lanes of what partners do, and of samples; each as often as a plan has it."""
    for plan in plans:
        for meter in plan.meters:
            if meter.side != "out":
                yield lane_of(meter, plan.resource, plan.operation), meter


def meters_out(contract: Contract, service: str, operation: str) -> list[Meter]:
    """The meters that a call of a partner's API counts in."""
    found = []
    for promised in contract.promises:
        effect = promised.clause.effect(
            Binding(promised.ref, contract.partner, service, operation, (), contract.time_zone)
        )
        if isinstance(effect, Meter) and effect.side == "out":
            found.append(effect)
    return found
