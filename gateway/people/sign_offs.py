"""Sign-offs of agreements: a person says on the audit log which contract hash they approve; and who has, as it says.

They stand on the log alone, so that whoever lists them lists what a partner finds in its own tree.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from msgspec import Struct

from contracts.plan import Contract
from gateway.audit.leaf import Authority, Entry
from gateway.audit.writer import Writer
from gateway.authority_record import record


class SignOff(Struct, frozen=True):
    """Who approved a contract hash, by the name of their account, and when: Unix microseconds."""

    username: str
    time_us: int


class SignOffs:
    """All that the log holds, by contract hash. Each person's first one counts: a second says nothing new."""

    def __init__(self) -> None:
        self._given: dict[str, dict[str, SignOff]] = {}

    def hear(self, entry: Entry) -> None:
        """Take note of a record; of the same one any number of times."""
        if not isinstance(entry, Authority) or entry.event != "agreement-signed-off":
            return
        username = entry.subject.rpartition(" ")[2]
        given = self._given.setdefault(entry.contract, {})
        before = given.get(username)
        if before is None or entry.time_us < before.time_us:
            given[username] = SignOff(username, entry.time_us)

    def of(self, contract_hash: str) -> tuple[SignOff, ...]:
        """Those of one contract hash, the earliest first."""
        return tuple(sorted(self._given.get(contract_hash, {}).values(), key=lambda one: (one.time_us, one.username)))


class SigningOff:
    """Signs off at a gateway that serves. `catch_up` lets `known` hear what other processes have recorded."""

    def __init__(self, writer: Writer, known: SignOffs, catch_up: Callable[[], Awaitable[None]]) -> None:
        self._writer, self._known, self._catch_up = writer, known, catch_up

    async def given(self, contracts: Iterable[Contract]) -> Mapping[str, tuple[SignOff, ...]]:
        """Who has signed each of these off until now, by contract hash: at whatever process, or by the command."""
        await self._catch_up()
        return {contract.hash: self._known.of(contract.hash) for contract in contracts}

    async def sign(self, contract: Contract, username: str) -> None:
        """Put it on the log; nothing more for whoever is there already. Raises AuthorityError."""
        given = await self.given([contract])
        if username not in {one.username for one in given[contract.hash]}:
            self._known.hear(await record_sign_off(self._writer, contract, username))


async def record_sign_off(writer: Writer, contract: Contract, username: str) -> Authority:
    """In the partner's own tree; what is there now. Raises AuthorityError."""
    subject = f"{contract.agreement} {contract.version} {username}"
    return await record(writer, "agreement-signed-off", subject, partner=contract.partner, contract=contract.hash)
