"""The keys that a client signs with: those that it has for its assertions (RFC 7523), looked up by its name."""

from typing import Protocol

from gateway.store.clients import Client, ClientKey, Clients
from gateway.store.faults import StoreError


class Book(Protocol):
    """gateway/oauth/key_book.py."""

    async def keys_of(self, client: Client, kid: str | None, now_s: float) -> tuple[ClientKey, ...] | None:
        """Keys by value or by URL; None: they cannot be had now."""
        ...


class RegisteredKeys:
    """The keys of clients in the store. A change that is signed is rare and dear: it is looked up each time."""

    def __init__(self, clients: Clients, book: Book) -> None:
        self._clients, self._book = clients, book

    async def keys_of(self, client_id: str, key_id: str, now_s: float) -> tuple[ClientKey, ...] | None:
        """The keys of a client, none if it may do nothing; None: nobody can say now."""
        try:
            client = await self._clients.find(client_id)
        except StoreError:
            return None
        if client is None or client.disabled:
            return ()
        return await self._book.keys_of(client, key_id, now_s)
