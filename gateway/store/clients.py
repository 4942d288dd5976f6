"""OAuth clients with their secrets and keys."""

from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.schema import client_keys, client_secrets, clients
from gateway.store.store import Store

AuthMethod: TypeAlias = Literal["client_secret_basic", "private_key_jwt"]
AUTH_METHODS: tuple[AuthMethod, ...] = ("client_secret_basic", "private_key_jwt")

LIVE_SECRETS_MAX = 2


class ClientSecret(Struct, frozen=True):
    """The HMAC digest of a secret that is good from `created_s` until `expires_s`, exclusive; None is without end."""

    digest: bytes
    created_s: int
    expires_s: int | None


class ClientKey(Struct, frozen=True):
    """A public key as JWK (RFC 7517, JSON text), good for `alg` alone."""

    kid: str
    alg: str
    jwk: str


class Client(Struct, frozen=True):
    """One OAuth client of a partner. Tokens issued at or before `epoch_s` are revoked."""

    client_id: str
    partner: str
    auth_method: AuthMethod
    created_s: int
    disabled: bool
    epoch_s: int
    secrets: tuple[ClientSecret, ...] = ()
    keys: tuple[ClientKey, ...] = ()


class Clients:
    """The clients in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, client: Client) -> bool:
        """Write a client with its secrets and keys; False if the client_id is taken, and nothing is changed."""
        row = {
            "client_id": client.client_id,
            "partner": client.partner,
            "auth_method": client.auth_method,
            "created_s": client.created_s,
            "disabled": client.disabled,
            "epoch_s": client.epoch_s,
        }
        owner = {"client_id": client.client_id}
        try:
            async with self._store.write() as connection:
                await connection.execute(insert(clients).values(row))
                for secret in client.secrets:
                    await connection.execute(insert(client_secrets).values(owner | _fields(secret)))
                for key in client.keys:
                    created = {"created_s": client.created_s}
                    await connection.execute(insert(client_keys).values(owner | _fields(key) | created))
        except IntegrityError:
            return False
        return True

    async def find(self, client_id: str) -> Client | None:
        """One client with its secrets, newest first, and keys."""
        async with self._store.read() as connection:
            row = (await connection.execute(select(clients).where(clients.c.client_id == client_id))).one_or_none()
            if row is None:
                return None
            secrets = await connection.execute(
                select(client_secrets.c.digest, client_secrets.c.created_s, client_secrets.c.expires_s)
                .where(client_secrets.c.client_id == client_id)
                .order_by(client_secrets.c.id.desc())
            )
            keys = await connection.execute(
                select(client_keys.c.kid, client_keys.c.alg, client_keys.c.jwk)
                .where(client_keys.c.client_id == client_id)
                .order_by(client_keys.c.kid)
            )
            live = tuple(ClientSecret(*secret) for secret in secrets)
            return replace(Client(*row), secrets=live, keys=tuple(ClientKey(*key) for key in keys))

    async def all(self) -> tuple[Client, ...]:
        """Every client by id, without secrets and keys."""
        async with self._store.read() as connection:
            return tuple(
                Client(*row) for row in await connection.execute(select(clients).order_by(clients.c.client_id))
            )

    async def revocations(self) -> dict[str, tuple[bool, int]]:
        """client_id -> (disabled, epoch_s), of those clients alone that anything was ever revoked of."""
        query = select(clients.c.client_id, clients.c.disabled, clients.c.epoch_s).where(
            or_(clients.c.disabled, clients.c.epoch_s > 0)
        )
        async with self._store.read() as connection:
            return {row.client_id: (row.disabled, row.epoch_s) for row in await connection.execute(query)}

    async def set_disabled(self, client_id: str, disabled: bool, now_s: int) -> bool:
        """Disable or enable; either way, what was issued until now stays revoked. False if there is no such client."""
        async with self._store.write() as connection:
            result = await connection.execute(
                update(clients).where(clients.c.client_id == client_id).values(disabled=disabled, epoch_s=now_s)
            )
            return result.rowcount == 1

    async def revoke(self, client_id: str, now_s: int) -> bool:
        """Revoke every token issued until now. False if there is no such client."""
        async with self._store.write() as connection:
            result = await connection.execute(
                update(clients).where(clients.c.client_id == client_id).values(epoch_s=now_s)
            )
            return result.rowcount == 1

    async def add_secret(self, client_id: str, secret: ClientSecret, others_until_s: int) -> bool:
        """Add a secret and let the live one end at `others_until_s` if it would not end before.

        Expired ones are removed. False if two are live already: one of them has to end first, or a partner that has
        not yet changed over would be locked out. `client_id` must exist.
        """
        mine = client_secrets.c.client_id == client_id
        ends = client_secrets.c.expires_s
        async with self._store.write() as connection:
            await connection.execute(delete(client_secrets).where(mine, ends <= secret.created_s))
            live = (await connection.execute(select(func.count()).select_from(client_secrets).where(mine))).scalar_one()
            if live >= LIVE_SECRETS_MAX:
                return False
            await connection.execute(
                update(client_secrets)
                .where(mine, or_(ends.is_(None), ends > others_until_s))
                .values(expires_s=others_until_s)
            )
            await connection.execute(insert(client_secrets).values({"client_id": client_id} | _fields(secret)))
            return True


def _fields(row: ClientSecret | ClientKey) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
