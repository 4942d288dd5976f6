"""Puts together what a serving gateway needs for corrections: the routes, and what is done again and again."""

from collections.abc import Callable

from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from contracts.plan import Contract
from gateway.audit.writer import Writer
from gateway.corrections.keeping import Keeping
from gateway.corrections.life import CorrectionLife
from gateway.corrections.pages import CorrectionPages, correction_routes
from gateway.corrections.reading import ViewReader
from gateway.corrections.repeating import Repeating
from gateway.exchange.serve import Serving
from gateway.partner.door import PartnerDoor
from gateway.store.idempotency import Idempotency
from gateway.store.store import Store
from gateway.webhooks.notify import Notify
from policies.reference import ClauseRef


class OpenCorrections(Struct, frozen=True):
    """The routes of partners; `keeping.follow()` is to run for as long as the gateway serves."""

    routes: list[HTTPRouteHandler]
    keeping: Keeping


def open_corrections(
    store: Store,
    writer: Writer,
    notify: Notify,
    *,
    serving: Callable[[], Serving],
    idempotency: Idempotency,
    door: PartnerDoor,
    suspended: Callable[[Contract], ClauseRef | None],
) -> OpenCorrections:
    """`serving` gives the plans and adapters that are in force now: a reload exchanges them. `suspended` gives the
    clause under which an agreement is interrupted."""
    life = CorrectionLife(store, writer, notify)
    reader = ViewReader(lambda: serving().adapters)
    pages = CorrectionPages(life, reader, lambda: serving().plans, Repeating(idempotency), suspended=suspended)
    return OpenCorrections(correction_routes(pages, door), Keeping(life))
