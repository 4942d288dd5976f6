"""/partner/notices: what was announced to the partner who asks, with the signed note of each."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from contracts.notice import Maintenance
from contracts.plan import Plans
from gateway.limits.events import utc
from gateway.notices.known import Announced, concerns
from gateway.notices.windows import windows_of
from gateway.partner.door import Answer, PartnerDoor, Visit
from gateway.store.faults import StoreError
from gateway.store.notices import KeptNotice, Notices, announced_of
from gateway.store.store import Store

_COMING_DAYS = 62
_DAY_US = 86_400_000_000


def notice_routes(door: PartnerDoor, store: Store, plans: Callable[[], Plans]) -> list[HTTPRouteHandler]:
    """GET /partner/notices, the latest first."""

    async def list_all(visit: Visit) -> Answer:
        try:
            found = (await Notices(store).all())[::-1]
        except StoreError:
            return visit.problem("internal")
        shown = [each for kept in found if (each := _shown(kept, plans(), visit)) is not None]
        return visit.answer({"notices": shown})

    return door.routes("/partner/notices", {"GET": list_all})


def _shown(kept: KeptNotice, plans: Plans, visit: Visit) -> dict[str, Any] | None:
    """A notice as a partner sees it, None for one that is not for it: a document may name others' agreements, which are
    left out; its hash is that of the whole."""
    announced = announced_of(kept)
    mine = [] if announced is None else plans.of_partner(visit.grant.partner)
    agreements = sorted({each.agreement for each in mine if announced is not None and concerns(announced.notice, each)})
    if announced is None or not agreements:
        return None
    said = msgspec.to_builtins(announced.notice) | {"agreements": agreements}
    return {
        "notice": said,
        "announced": utc(kept.announced_us),
        "withdrawn": None if kept.withdrawn_us is None else utc(kept.withdrawn_us),
        "sha256": kept.sha256,
        "note": kept.note,
        "coming": _coming(announced, plans, visit),
    }


def _coming(announced: Announced, plans: Plans, visit: Visit) -> list[dict[str, Any]]:
    """The spans of maintenance in the next two months, by agreement, and whether each counts as announced there."""
    if not isinstance(announced.notice, Maintenance):
        return []
    within = (visit.time_us, visit.time_us + _COMING_DAYS * _DAY_US)
    return [
        {
            "agreement": contract.agreement,
            "from": utc(window.from_us),
            "to": utc(window.until_us),
            "counts": window.counts,
        }
        for contract in plans.of_partner(visit.grant.partner)
        for window in windows_of([announced], contract, within)
        if contract.effective_from_s * 1_000_000 <= window.from_us < contract.effective_until_s * 1_000_000
    ]
