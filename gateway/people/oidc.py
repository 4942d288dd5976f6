"""Logins by the company's identity provider, opened for a gateway: the provider, the transactions, the arrivals."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final, Protocol

from msgspec import Struct

from gateway.audit.events import Event
from gateway.audit.writer import Writer
from gateway.authority_record import record
from gateway.people.arrivals import Arrivals
from gateway.people.confirmation import Confirmations
from gateway.people.id_token import Person
from gateway.people.provider import LoginFault, Provider, provider_settings
from gateway.people.roles import Groups
from gateway.people.transaction import Transaction, Transactions
from gateway.settings import Settings
from gateway.store.accounts import Accounts
from gateway.store.server_secrets import ServerSecrets
from gateway.store.store import Store

_SECRET: Final = "login-transactions"  # noqa: S105 - the name, not the secret


class IdentityProvider(Protocol):
    """Who says who a person is (gateway/people/provider.py)."""

    @property
    def issuer(self) -> str:
        """Its name."""

    async def address(self, transaction: Transaction) -> str | LoginFault:
        """Where to send the person."""

    async def person(self, answer: Mapping[str, str], transaction: Transaction) -> Person | LoginFault:
        """Who has come back."""


class Oidc(Struct, frozen=True):
    """What a login by the identity provider takes."""

    provider: IdentityProvider
    transactions: Transactions
    arrivals: Arrivals
    confirmations: Confirmations


async def open_oidc(
    settings: Settings, store: Store, writer: Writer, public_url: str, stack: AsyncExitStack
) -> Oidc | None:
    """Everything for such logins, closed by the stack; None where no provider is set. Nothing is asked of it yet.

    Raises ValueError for settings that cannot work, naming the setting, and StoreError.
    """
    found = provider_settings(settings, public_url)
    groups = Groups(settings.oidc_roles)
    if found is None:
        return None

    async def recorded(event: Event, subject: str, partner: str) -> None:
        await record(writer, event, subject, partner=partner)

    provider = Provider(found)
    stack.push_async_callback(provider.close)
    key = await ServerSecrets(store).obtain(_SECRET, int(time.time()))
    arrivals = Arrivals(Accounts(store), groups, settings.oidc_role_claim, recorded)
    return Oidc(provider, Transactions(key), arrivals, Confirmations(key))
