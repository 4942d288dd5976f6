"""Publishes and withdraws notices, begins and ends suspensions: on the log first, in the state store and in force then.

What is on the log is the time of its record, and the store keeps the very same one, so that a statement computed from
either is the same. Gateways that serve take over what is in the store within a second (gateway/notices/adopting.py).
"""

import time
from collections.abc import Callable, Iterable, Mapping
from secrets import token_hex

from msgspec import Struct

from contracts.notice import Notice, kind_of
from contracts.plan import Contract
from contracts.workspace import Loaded
from gateway.audit.events import Event
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Authority
from gateway.authority import Administration, AuthorityError
from gateway.limits.events import detail_of, utc
from gateway.notices.known import Side, canonical, hash_of
from gateway.notices.signing import sign
from gateway.store.notices import KeptNotice, KeptSuspension, Notices, Suspensions
from gateway.tlog.note import Signer
from gateway.webhooks.notify import Notify, Outbox


class NewNotice(Struct, frozen=True):
    """A notice to publish, and the partners whom it is for. `published_by` is who runs the command."""

    loaded: Loaded[Notice]
    partners: tuple[str, ...]
    published_by: str


class NewSuspension(Struct, frozen=True):
    """A suspension to begin: of which agreement, by whom and why. `begun_by` is who runs the command."""

    contract: Contract
    by: Side
    reason: str
    begun_by: str


class NoticesAuthority:
    """Changes what is announced and suspended. Every method raises AuthorityError and StoreError; then nothing
    changed."""

    def __init__(
        self,
        administration: Administration,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        notify: Notify | None = None,
    ) -> None:
        self._writer, self._now_us = administration.writer, now_us
        self._notify = notify or Outbox(administration.store, now_us).notify
        self._notices, self._suspensions = Notices(administration.store), Suspensions(administration.store)

    async def publish(self, new: NewNotice, signer: Signer) -> KeptNotice:
        """Announce it: from the moment of its record on, to each of the partners."""
        notice = new.loaded.value
        if (earlier := await self._notices.find(notice.notice)) is not None:
            done = "withdrawn" if earlier.withdrawn_us is not None else "published"
            raise AuthorityError(f"notice {notice.notice} is {done} already: give another one another name")
        data, now_us = canonical(new.loaded), self._now_us()
        sha256, kind = hash_of(data), kind_of(notice)
        kept = KeptNotice(
            id=notice.notice,
            kind=kind,
            json=data.decode(),
            sha256=sha256,
            note=sign(signer, notice.notice, kind, sha256, now_us),
            announced_us=now_us,
            published_by=new.published_by,
        )
        await self._record_for(new.partners, "notice-published", kept, now_us)
        if not await self._notices.add(kept):
            raise AuthorityError(f"notice {notice.notice} was published by somebody else at the same moment")
        for partner in new.partners:
            await self._notify("notice.published", partner, _told(kept))
        return kept

    async def withdraw(self, notice_id: str, partners: tuple[str, ...], reason: str) -> KeptNotice:
        """Say that it does not hold any more, from now on."""
        kept = await self._notices.find(notice_id)
        if kept is None:
            raise AuthorityError(f"there is no notice {notice_id}; `clausegate notice list` shows all")
        if kept.withdrawn_us is not None:
            raise AuthorityError(f"notice {notice_id} is withdrawn already")
        now_us = self._now_us()
        await self._record_for(partners, "notice-withdrawn", kept, now_us, detail_of({"reason": reason}))
        if not await self._notices.withdraw(notice_id, now_us, reason):
            raise AuthorityError(f"notice {notice_id} was withdrawn by somebody else at the same moment")
        for partner in partners:
            await self._notify("notice.withdrawn", partner, {**_told(kept), "withdrawn": utc(now_us)})
        return kept

    async def begin(self, new: NewSuspension) -> KeptSuspension:
        """Interrupt the collaboration: no call of the agreement is admitted until it ends."""
        contract = new.contract
        if any((each.agreement, each.side) == (contract.agreement, new.by) for each in await self._suspensions.open()):
            raise AuthorityError(f"{contract.agreement} is suspended by the {new.by} already")
        suspension = KeptSuspension(
            id=f"s-{token_hex(4)}",
            partner=contract.partner,
            agreement=contract.agreement,
            side=new.by,
            begun_us=self._now_us(),
            reason=new.reason,
            begun_by=new.begun_by,
        )
        detail = detail_of({"reason": new.reason, "begun_by": new.begun_by})
        await self._suspension_record("suspension-begun", suspension, suspension.begun_us, contract.hash, detail)
        if not await self._suspensions.begin(suspension):
            now_us = self._now_us()  # it never was in force, and the log is not to say that it goes on
            await self._suspension_record("suspension-ended", suspension, now_us, "", "")
            raise AuthorityError(f"{contract.agreement} was suspended by somebody else at the same moment")
        await self._tell_both("suspension.begun", suspension, {"begun": utc(suspension.begun_us)})
        return suspension

    async def end(self, suspension_id: str, reason: str) -> KeptSuspension:
        """Let the collaboration go on."""
        found = [each for each in await self._suspensions.open() if each.id == suspension_id]
        if not found:
            raise AuthorityError(f"there is no open suspension {suspension_id}; `clausegate suspension list` shows all")
        now_us, detail = self._now_us(), detail_of({"reason": reason})
        await self._suspension_record("suspension-ended", found[0], now_us, "", detail)
        if not await self._suspensions.end(suspension_id, now_us, reason):
            raise AuthorityError(f"suspension {suspension_id} was ended by somebody else at the same moment")
        await self._tell_both("suspension.ended", found[0], {"begun": utc(found[0].begun_us), "ended": utc(now_us)})
        return found[0]

    async def _tell_both(self, event: str, suspension: KeptSuspension, times: Mapping[str, str]) -> None:
        said = {"id": suspension.id, "agreement": suspension.agreement, "by": suspension.side, **times}
        for partner in (suspension.partner, ""):
            await self._notify(event, partner, said)

    async def _record_for(
        self, partners: Iterable[str], event: Event, kept: KeptNotice, time_us: int, detail: str = ""
    ) -> None:
        """One record for each partner, in whose tree it will be; for nobody, one of the hub's own."""
        for partner in tuple(sorted(partners)) or ("",):
            await self._append(Authority(time_us, event, f"{kept.id} {kept.kind}", kept.sha256, partner, detail))

    async def _suspension_record(
        self, event: Event, suspension: KeptSuspension, time_us: int, contract_hash: str, detail: str
    ) -> None:
        subject = f"{suspension.id} {suspension.agreement} {suspension.side}"
        await self._append(Authority(time_us, event, subject, contract_hash, suspension.partner, detail))

    async def _append(self, entry: Authority) -> None:
        receipt = await self._writer.append_durable(entry)
        if isinstance(receipt, LogFault):
            raise AuthorityError(f"the record cannot be written: {receipt.kind}: {receipt.detail}")


def _told(kept: KeptNotice) -> dict[str, str]:
    """What a webhook says of a notice; its words are read at /partner/notices."""
    return {"id": kept.id, "kind": kept.kind, "sha256": kept.sha256, "announced": utc(kept.announced_us)}
