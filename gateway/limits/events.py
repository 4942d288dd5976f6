"""How what is granted and imposed reads on the audit log: subjects of ids alone, and what commits to the words."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import msgspec
import rfc8785
from msgspec import structs

from gateway.store.allowances import GrantedAllowance
from gateway.store.findings import ImposedMeasure, KeptFinding

Ending: TypeAlias = Literal["expired", "revoked", "lifted"]


def granted_subject(allowance: GrantedAllowance) -> str:
    """Which allowance, for what, how much, until when."""
    where = f"{allowance.id} {allowance.agreement} {allowance.clause}"
    return f"{where} +{allowance.extra} until {utc(allowance.until_us)}"


def imposed_subject(measure: ImposedMeasure) -> str:
    """Which measure, under what, on what, until when."""
    return f"{measure.id} {measure.agreement} {measure.clause} {measure.product} until {utc(measure.until_us)}"


def ended_subject(ended: GrantedAllowance | ImposedMeasure, how: Ending) -> str:
    """Which of them is over, and how that came."""
    return f"{ended.id} {ended.agreement} {ended.clause} {how}"


def finding_subject(finding: KeptFinding) -> str:
    """Which finding, of what, by which detector."""
    return f"{finding.id} {finding.agreement} {finding.resource} {finding.detector}"


def allowance_detail(allowance: GrantedAllowance) -> str:
    """Commits to everything that is kept of it: whose it is, its figures and its reason."""
    words = structs.asdict(allowance)
    del words["ended_us"]
    return detail_of(words)


def judged_detail(finding_json: str, reason: str) -> str:
    """Commits to the evidence that a person saw, and to why they judged as they did."""
    return detail_of({"finding": msgspec.json.decode(finding_json), "reason": reason})


def detail_of(words: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(dict(words))).hexdigest()


def utc(time_us: int) -> str:
    """RFC 3339, in UTC, to the second."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
