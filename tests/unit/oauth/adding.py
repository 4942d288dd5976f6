"""A client is added as it is where nothing is recorded: for tests that are about something else."""

from collections.abc import Mapping
from typing import Any

from gateway.oauth.clients import ClientCredentials, ClientFault, NewClient, made_client
from gateway.store.clients import AuthMethod, Clients
from gateway.store.store import Store


async def add_client(
    store: Store,
    partner: str,
    client_id: str,
    auth_method: AuthMethod,
    jwks: Mapping[str, Any] | None = None,
    *,
    now_s: int,
) -> ClientCredentials | ClientFault:
    """private_key_jwt takes the client's public keys as a JWK set. Raises StoreError."""
    made = await made_client(store, NewClient(client_id, partner, auth_method, jwks), now_s)
    if isinstance(made, ClientFault):
        return made
    client, secret = made
    if not await Clients(store).add(client):
        return ClientFault(f"there is a client {client_id} already")
    return ClientCredentials(client_id, partner, auth_method, secret)
