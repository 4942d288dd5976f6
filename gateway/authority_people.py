"""What an operator changes about people: their accounts, each change on the audit log before it is made; and sign-offs.

Whoever comes from the company's identity provider has an account too, whose role and second factor are the provider's:
here it can be disabled, and nothing else (gateway/people/arrivals.py).
"""

from msgspec import Struct

from contracts.plan import Contract
from gateway.audit.events import Event
from gateway.audit.writer import Writer
from gateway.authority_record import AuthorityError, record
from gateway.people.arrivals import PREFIX
from gateway.people.roles import Role, Seat, may, who_may
from gateway.people.sign_offs import record_sign_off
from gateway.people.totp import enrolment_uri, new_totp_secret
from gateway.store.accounts import Account, Accounts, password_fault, username_fault
from gateway.store.hidden import Hidden
from gateway.store.store import Store
from policies.reference import Language


class NewAccount(Struct, frozen=True):
    """A local account to make."""

    username: str
    password: Hidden[str]
    seat: Seat
    language: Language


class PeopleAuthority:
    """Over an open state store and an end of the log. Every method raises AuthorityError and StoreError."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self.store, self.writer = store, writer

    async def create_account(self, username: str, password: Hidden[str], role: Role, language: Language) -> Account:
        """An account for somebody of the hub."""
        return await self.add_account(NewAccount(username, password, Seat(role), language))

    async def add_account(self, new: NewAccount) -> Account:
        """A local account."""
        fault = username_fault(new.username) or password_fault(new.password.reveal())
        if fault is not None:
            raise AuthorityError(fault.reason)
        if await Accounts(self.store).find(new.username) is not None:
            raise AuthorityError("the username is taken")
        await self._record_account("account-created", new.username, new.seat)
        made = await Accounts(self.store).create(
            new.username, new.password.reveal(), new.seat.role, new.language, new.seat.partner
        )
        if not isinstance(made, Account):
            raise AuthorityError(made.reason)
        return made

    async def accounts(self) -> tuple[Account, ...]:
        """Every account by name."""
        return await Accounts(self.store).all()

    async def set_account_disabled(self, username: str, disabled: bool) -> None:
        """Let nobody log in with it, and end its sessions, within a second while a gateway serves; or let it again."""
        account = await self._account(username)
        await self._record_account("account-disabled" if disabled else "account-enabled", username, account.seat)
        await Accounts(self.store).set_disabled(username, disabled)

    async def set_role(self, username: str, seat: Seat) -> None:
        """Another role, also for sessions that go on."""
        await self._local(username, "role")
        await self._record_account("account-changed", f"{username} role", seat)
        await Accounts(self.store).set_seat(username, seat)

    async def set_password(self, username: str, password: Hidden[str]) -> None:
        """Another password; sessions end."""
        account = await self._local(username, "password")
        fault = password_fault(password.reveal())
        if fault is not None:
            raise AuthorityError(fault.reason)
        await self._record_account("account-changed", f"{username} password", account.seat)
        await Accounts(self.store).set_password(username, password.reveal())

    async def enrol(self, username: str) -> Hidden[str]:
        """A new second factor in the place of any before; its otpauth URI, shown this once. Sessions end."""
        account = await self._local(username, "second factor")
        secret = new_totp_secret()
        await self._record_account("account-changed", f"{username} totp", account.seat)
        await Accounts(self.store).set_totp(username, secret)
        return enrolment_uri(secret, username)

    async def remove_totp(self, username: str) -> None:
        """No second factor any more."""
        account = await self._local(username, "second factor")
        await self._record_account("account-changed", f"{username} totp", account.seat)
        await Accounts(self.store).set_totp(username, None)

    async def sign_off(self, contract: Contract, username: str, password: Hidden[str], code: str = "") -> None:
        """A person whose role may says that this contract, by its hash, is what they approve.

        `code` is that of their second factor, where they have one.
        """
        if username.startswith(PREFIX):
            raise AuthorityError(f"{username} has no password here: people of the identity provider use the console")
        account = await Accounts(self.store).check(username, password.reveal(), code)
        if account is None:
            raise AuthorityError("no account has this name and password, and this code where it has a second factor")
        if not may(account.role, "sign-off"):
            raise AuthorityError(f"the role {account.role} signs nothing off: {' and '.join(who_may('sign-off'))} do")
        await record_sign_off(self.writer, contract, account.username)

    async def _account(self, username: str) -> Account:
        account = await Accounts(self.store).find(username)
        if account is None:
            raise AuthorityError(f"there is no account {username}; `clausegate account list` shows all")
        return account

    async def _local(self, username: str, what: str) -> Account:
        account = await self._account(username)
        if account.subject:
            raise AuthorityError(f"the {what} of {username} is the identity provider's")
        return account

    async def _record_account(self, event: Event, subject: str, seat: Seat) -> None:
        """On the hub's part of the log; for a partner's developer on that partner's."""
        await record(self.writer, event, subject, partner=seat.partner)
