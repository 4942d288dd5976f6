"""What is granted and imposed beside the contracts, each with its record on the audit log before it is in force:
allowances for a time, findings that people judge, measures under a clause of kind anomaly, and the way back from them.

Gateways that serve take over what is in the state store within a second (gateway/limits/adopting.py).
"""

import time
from collections.abc import Callable
from secrets import token_hex

from msgspec import Struct

from contracts.plan import Contract
from gateway.audit.writer import Writer
from gateway.authority import Administration, AuthorityError, record
from gateway.limits.events import (
    allowance_detail,
    detail_of,
    ended_subject,
    finding_subject,
    granted_subject,
    imposed_subject,
    judged_detail,
)
from gateway.store.allowances import Allowances, GrantedAllowance
from gateway.store.findings import Findings, ImposedMeasure, KeptFinding, Measures
from policies.clause import Anomaly

_ELSEWHERE = "is being ended by another process right now: look again in a minute"


class NewAllowance(Struct, frozen=True):
    """An allowance to grant, until `until_us` (Unix microseconds). `granted_by` is who runs the command."""

    contract: Contract
    clause: str
    extra: int
    until_us: int
    reason: str
    granted_by: str


class LimitsAuthority:
    """Changes what is granted and imposed. Every method raises AuthorityError and StoreError; then nothing changed."""

    def __init__(self, administration: Administration, now_us: Callable[[], int] = lambda: time.time_ns() // 1000):
        self._writer: Writer = administration.writer
        self._now_us = now_us
        self._allowances = Allowances(administration.store)
        self._findings, self._measures = Findings(administration.store), Measures(administration.store)

    async def grant(self, new: NewAllowance) -> GrantedAllowance:
        """So much more than the clause says, until then."""
        contract = new.contract
        allowance = GrantedAllowance(
            id=f"a-{token_hex(4)}",
            partner=contract.partner,
            agreement=contract.agreement,
            clause=new.clause,
            extra=new.extra,
            granted_us=self._now_us(),
            until_us=new.until_us,
            reason=new.reason,
            granted_by=new.granted_by,
        )
        await record(
            self._writer,
            "allowance-granted",
            granted_subject(allowance),
            partner=contract.partner,
            contract=contract.hash,
            detail=allowance_detail(allowance),
        )
        await self._allowances.add(allowance)
        return allowance

    async def revoke(self, allowance_id: str) -> GrantedAllowance:
        """End an allowance before its time."""
        allowance = await self._allowances.find(allowance_id)
        if allowance is None:
            raise AuthorityError(f"there is no allowance {allowance_id}; `clausegate limits` lists those in force")
        if not allowance.in_force(self._now_us()):
            raise AuthorityError(f"allowance {allowance_id} has ended already")
        if not await self._allowances.claim_end(allowance_id, self._now_us()):
            raise AuthorityError(f"allowance {allowance_id} {_ELSEWHERE}")
        try:
            subject = ended_subject(allowance, "revoked")
            await record(self._writer, "allowance-ended", subject, partner=allowance.partner)
        except AuthorityError:
            await self._allowances.disclaim(allowance_id)
            raise
        await self._allowances.end(allowance_id, self._now_us())
        return allowance

    async def dismiss(self, finding_id: str, reason: str) -> KeptFinding:
        """A person says that it is no scraping."""
        finding = await self._open(finding_id)
        detail = judged_detail(finding.json, reason)
        subject = finding_subject(finding)
        await record(self._writer, "finding-dismissed", subject, partner=finding.partner, detail=detail)
        if not await self._findings.judge(finding_id, "dismissed", reason, finding.json):
            raise AuthorityError(f"finding {finding_id} was judged by somebody else at the same moment")
        return finding

    async def confirm(self, finding_id: str, contract: Contract, anomaly: Anomaly, reason: str) -> ImposedMeasure:
        """A person says that it is scraping: from now on, and for as long as the clause says, its measure binds."""
        finding = await self._open(finding_id)
        now_us = self._now_us()
        measure = ImposedMeasure(
            id=f"m-{token_hex(4)}",
            finding=finding_id,
            partner=finding.partner,
            agreement=finding.agreement,
            clause=anomaly.clause.id,
            product=finding.resource,
            from_us=now_us,
            until_us=now_us + anomaly.lasts_s * 1_000_000,
            reason=reason,
        )
        await record(
            self._writer,
            "measure-imposed",
            imposed_subject(measure),
            partner=finding.partner,
            contract=contract.hash,
            detail=judged_detail(finding.json, reason),
        )
        if not await self._measures.impose(measure, finding.json):
            raise AuthorityError(f"finding {finding_id} was judged by somebody else at the same moment")
        return measure

    async def lift(self, measure_id: str, reason: str) -> ImposedMeasure:
        """End a measure before its time."""
        measure = await self._measures.find(measure_id)
        if measure is None:
            raise AuthorityError(f"there is no measure {measure_id}; `clausegate findings` lists those in force")
        if not measure.in_force(self._now_us()):
            raise AuthorityError(f"measure {measure_id} has ended already")
        if not await self._measures.claim_end(measure_id, self._now_us()):
            raise AuthorityError(f"measure {measure_id} {_ELSEWHERE}")
        try:
            subject, detail = ended_subject(measure, "lifted"), detail_of({"reason": reason})
            await record(self._writer, "measure-lifted", subject, partner=measure.partner, detail=detail)
        except AuthorityError:
            await self._measures.disclaim(measure_id)
            raise
        await self._measures.end(measure_id, self._now_us(), reason)
        return measure

    async def _open(self, finding_id: str) -> KeptFinding:
        finding = await self._findings.find(finding_id)
        if finding is None:
            raise AuthorityError(f"there is no finding {finding_id}; `clausegate findings` lists all")
        if finding.state != "open":
            raise AuthorityError(f"finding {finding_id} is {finding.state} already")
        return finding
