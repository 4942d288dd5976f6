"""A store with endpoints at real receivers, a clock that tests move, and a gateway's worker that delivers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.store.hidden import Hidden
from gateway.store.store import Store
from gateway.store.webhooks import Deliveries, Delivery, Endpoint, Endpoints
from gateway.webhooks.address import Resolver, Resolvers
from gateway.webhooks.delivering import Delivering, Transports
from gateway.webhooks.mail import Mailer
from gateway.webhooks.notify import Outbox
from gateway.webhooks.sending import Sender
from gateway.webhooks.signing import Sealing, new_secret
from tests.unit.webhooks.ready_store import ready_store
from tests.unit.webhooks.receiver import LOOPBACK, NO_TLS

START_US = 1_800_000_000_000_000
SECOND_US = 1_000_000
SEALING = Sealing(Hidden(bytes(32)))


class Stage:
    """Everything that delivering needs."""

    def __init__(self, store: Store) -> None:
        self.store, self.now_us = store, START_US
        self.outbox = Outbox(store, lambda: self.now_us)
        self.deliveries, self.endpoints = Deliveries(store), Endpoints(store)
        self.secrets: dict[str, Hidden[str]] = {}

    def worker(self, attempt_s: float = 10.0, mailer: Mailer | None = None) -> Delivering:
        """One process that delivers; its chance is always 0."""
        resolvers = Resolvers(hub=Resolver(LOOPBACK), partners=Resolver(LOOPBACK))
        transports = Transports(Sender(resolvers, tls=NO_TLS, attempt_s=attempt_s), SEALING, mailer)
        return Delivering(self.store, transports, lambda: self.now_us, lambda: 0.0)

    async def endpoint(self, name: str, url: str, partner: str = "swift") -> None:
        """An endpoint with a secret of its own."""
        self.secrets[name] = new_secret()
        sealed = SEALING.seal(self.secrets[name], name)
        made = Endpoint(id=name, partner=partner, url=url, events=(), secret=sealed, creator="ops", created_us=0)
        assert await self.endpoints.add(made, 100)

    async def tell(self, number: int = 1) -> None:
        """So many events for swift."""
        for each in range(number):
            await self.outbox.notify("task.created", "swift", {"task": f"t-{each}"})

    async def states(self, endpoint: str) -> list[tuple[str, int, str]]:
        """State, attempts and fault of what goes to an endpoint, the oldest first."""
        found = await self.deliveries.latest(1_000, endpoint=endpoint)
        return [(each.state, each.attempts, each.fault) for each in reversed(found)]

    async def only(self) -> Delivery:
        """The one delivery there is."""
        (found,) = await self.deliveries.latest(10)
        return found


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """A stage over a new store."""
    store = await ready_store(folder)
    try:
        yield Stage(store)
    finally:
        await store.close()
