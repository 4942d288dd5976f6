"""OAuth clients with their secrets and keys."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.schema import client_keys, client_secrets, clients
from gateway.store.store import Store
from gateway.store.tables_identity import client_certificates

AuthMethod: TypeAlias = Literal[
    "client_secret_basic", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"
]
AUTH_METHODS: tuple[AuthMethod, ...] = (
    "client_secret_basic",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
)
SubjectKind: TypeAlias = Literal["", "dn", "san_dns", "san_uri", "san_ip", "san_email"]
"""What of a certificate names the client (RFC 8705 section 2.1.2)."""

LIVE_SECRETS_MAX = 2
KEYS_MAX = 8
"""Public keys of a client, registered by value or usable in a set that it publishes."""
CERTIFICATES_MAX = 8
_certificates = client_certificates.c


class ClientSecret(Struct, frozen=True):
    """The HMAC digest of a secret that is good from `created_s` until `expires_s`, exclusive; None is without end."""

    digest: bytes
    created_s: int
    expires_s: int | None

    def is_live(self, now_s: float) -> bool:
        """Whether it is good at a time."""
        return self.expires_s is None or now_s < self.expires_s


class ClientKey(Struct, frozen=True):
    """A public key as JWK (RFC 7517, JSON text), good for `alg` alone and until `expires_s`, exclusive."""

    kid: str
    alg: str
    jwk: str
    expires_s: int | None = None

    def is_live(self, now_s: float) -> bool:
        """Whether it is good at a time."""
        return self.expires_s is None or now_s < self.expires_s


def end_of(kid: str, keys: Iterable[ClientKey]) -> int | None:
    """When the key of this name ends, Unix seconds; None: not by itself, or there is none."""
    return next((key.expires_s for key in keys if key.kid == kid), None)


class RegisteredCertificate(Struct, frozen=True):
    """A client's own certificate as PEM; `thumbprint` is its x5t#S256 (RFC 8705 section 3.1)."""

    thumbprint: str
    pem: str
    not_after_s: int
    created_s: int


class Client(Struct, frozen=True):
    """One OAuth client of a partner. Tokens issued at or before `epoch_s` are revoked.

    `jwks_url` is where its keys are published, "" where `keys` were registered by value. For tls_client_auth its
    certificates are those whose `tls_subject_kind` is `tls_subject`; for self_signed_tls_client_auth `certificates`.
    """

    client_id: str
    partner: str
    auth_method: AuthMethod
    created_s: int
    disabled: bool
    epoch_s: int
    jwks_url: str = ""
    tls_subject_kind: SubjectKind = ""
    tls_subject: str = ""
    secrets: tuple[ClientSecret, ...] = ()
    keys: tuple[ClientKey, ...] = ()
    certificates: tuple[RegisteredCertificate, ...] = ()


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
            "jwks_url": client.jwks_url,
            "tls_subject_kind": client.tls_subject_kind,
            "tls_subject": client.tls_subject,
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
                for certificate in client.certificates:
                    await connection.execute(insert(client_certificates).values(owner | _fields(certificate)))
        except IntegrityError:
            return False
        return True

    async def find(self, client_id: str) -> Client | None:
        """One client with its secrets, newest first, its keys and certificates.

        For one that is not there the same is looked up: how long it takes would tell which clients there are.
        """
        async with self._store.read() as connection:
            row = (await connection.execute(select(clients).where(clients.c.client_id == client_id))).one_or_none()
            secrets = await connection.execute(
                select(client_secrets.c.digest, client_secrets.c.created_s, client_secrets.c.expires_s)
                .where(client_secrets.c.client_id == client_id)
                .order_by(client_secrets.c.id.desc())
            )
            keys = await connection.execute(
                select(client_keys.c.kid, client_keys.c.alg, client_keys.c.jwk, client_keys.c.expires_s)
                .where(client_keys.c.client_id == client_id)
                .order_by(client_keys.c.kid)
            )
            certificates = await connection.execute(
                select(*(getattr(_certificates, name) for name in RegisteredCertificate.__struct_fields__))
                .where(_certificates.client_id == client_id)
                .order_by(_certificates.thumbprint)
            )
            if row is None:
                return None
            return replace(
                Client(*row),
                secrets=tuple(ClientSecret(*secret) for secret in secrets),
                keys=tuple(ClientKey(*key) for key in keys),
                certificates=tuple(RegisteredCertificate(*certificate) for certificate in certificates),
            )

    async def all(self) -> tuple[Client, ...]:
        """Every client by id, without secrets and keys."""
        async with self._store.read() as connection:
            return tuple(
                Client(*row) for row in await connection.execute(select(clients).order_by(clients.c.client_id))
            )

    async def self_signed(self) -> tuple[RegisteredCertificate, ...]:
        """The certificates that clients registered which authenticate by them and are not disabled."""
        query = (
            select(*(getattr(_certificates, name) for name in RegisteredCertificate.__struct_fields__))
            .join(clients, clients.c.client_id == _certificates.client_id)
            .where(clients.c.auth_method == "self_signed_tls_client_auth", clients.c.disabled.is_(False))
            .order_by(_certificates.thumbprint)
        )
        async with self._store.read() as connection:
            return tuple(RegisteredCertificate(*row) for row in await connection.execute(query))

    async def by_authority(self) -> frozenset[str]:
        """Ids of the clients that authenticate by certificates of an authority."""
        query = select(clients.c.client_id).where(clients.c.auth_method == "tls_client_auth")
        async with self._store.read() as connection:
            return frozenset((await connection.execute(query)).scalars())

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
        only = select(clients.c.client_id).where(clients.c.client_id == client_id).with_for_update()
        async with self._store.write() as connection:
            await connection.execute(only)  # who counts at the same moment waits, and counts this one too
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


def _fields(row: ClientSecret | ClientKey | RegisteredCertificate) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
