"""The portal's routes below /portal/: one page, for developers of partners, of their own partner alone."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from litestar import Request, Response, get
from litestar.types import ControllerRouterHandler

from gateway.console.entrance import admitted, site_router
from gateway.console.pages import Pages
from gateway.console.site import PORTAL
from gateway.console.static_files import StaticFiles
from gateway.console.visitor import Visitors
from gateway.console.wiring import Console
from gateway.credentials.shown import Looked, looked_up
from gateway.portal.home_screen import home_screen
from gateway.store.clients import Clients
from gateway.store.store import Store

Web = Request[Any, Any, Any]
ClientsOf: TypeAlias = Callable[[str], Awaitable[tuple[Looked, ...]]]
"""The clients of a partner with all that they hold. Raises StoreError."""


def clients_of(store: Store) -> ClientsOf:
    """Those in a store, by id."""

    async def of_partner(partner: str) -> tuple[Looked, ...]:
        clients = Clients(store)
        ids = [client.client_id for client in await clients.all() if client.partner == partner]
        found = [await clients.find(client_id) for client_id in ids]
        return tuple([await looked_up(store, client) for client in found if client is not None])

    return of_partner


def portal_routes(console: Console, clients: ClientsOf) -> Sequence[ControllerRouterHandler]:
    """Everything below /portal/, ready for Litestar; logins and sessions are those of the console."""
    pages, visitors = Pages(StaticFiles(), PORTAL, Path(__file__).parent / "templates"), Visitors(console)

    @get("/")
    async def home(request: Web) -> Response[Any]:
        visitor = await admitted(request, pages, visitors)
        if isinstance(visitor, Response) or visitor.session is None:
            return visitor if isinstance(visitor, Response) else Response(b"", status_code=403)
        partner = visitor.session.account.partner
        found = await clients(partner) if partner else ()  # no partner has this name: nothing is its own
        t = pages.catalogue(visitor.language)
        return pages.page(
            "portal_home.html",
            visitor.language,
            session=visitor.session,
            path=visitor.path,
            here="home",
            screen=home_screen(partner, found, console.plans(), int(console.now()), t),
        )

    return [site_router(console, pages, visitors, [home])]
