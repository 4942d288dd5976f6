"""What an operator changes about clients, each change on the audit log before it is made.

What a client holds, its keys, certificates and secrets, is changed by gateway/credentials/changing.py, for operators
and partners alike.
"""

import time
from collections.abc import Callable

from contracts.agreement import HUB
from gateway.audit.events import Event
from gateway.audit.writer import Writer
from gateway.authority_record import AuthorityError, record
from gateway.oauth.clients import ClientCredentials, ClientFault, NewClient, made_client
from gateway.store.clients import Client, Clients
from gateway.store.store import Store


class ClientAuthority:
    """Over an open state store and an end of the log. Every method raises AuthorityError and StoreError."""

    def __init__(self, store: Store, writer: Writer, now_s: Callable[[], int] = lambda: int(time.time())) -> None:
        self.store, self.writer, self._now_s = store, writer, now_s

    async def add_client(self, new: NewClient) -> ClientCredentials:
        """Register a client; its secret, if it has one, is shown this once."""
        if new.client_id == HUB:  # of the gateway's own certificates its events and the log say `hub` for the client
            raise AuthorityError(f"{HUB} is what the gateway calls itself: give the client another name")
        if await Clients(self.store).find(new.client_id) is not None:
            raise AuthorityError(f"there is a client {new.client_id} already")
        made = await made_client(self.store, new, self._now_s())
        if isinstance(made, ClientFault):
            raise AuthorityError(made.reason)
        client, secret = made
        await self._record("client-added", new.client_id, partner=new.partner)
        if not await Clients(self.store).add(client):
            raise AuthorityError(f"there is a client {new.client_id} already")
        return ClientCredentials(client.client_id, client.partner, client.auth_method, secret)

    async def set_disabled(self, client_id: str, disabled: bool) -> None:
        """Disable or enable a client; its tokens until now are revoked either way."""
        client = await self.client(client_id)
        event: Event = "client-disabled" if disabled else "client-enabled"
        await self._record(event, client_id, partner=client.partner)
        await Clients(self.store).set_disabled(client_id, disabled, self._now_s())

    async def clients(self) -> tuple[Client, ...]:
        """Every client by id, without what it holds."""
        return await Clients(self.store).all()

    async def client(self, client_id: str) -> Client:
        """One with all that it holds."""
        client = await Clients(self.store).find(client_id)
        if client is None:
            raise AuthorityError(f"there is no client {client_id}; `clausegate client list` shows all")
        return client

    async def _record(self, event: Event, subject: str, *, partner: str = "", contract: str = "") -> None:
        whose = "" if partner == HUB else partner  # what the hub's own programs may do is no partner's to see
        await record(self.writer, event, subject, partner=whose, contract=contract)
