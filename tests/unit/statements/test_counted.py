"""Where two versions of an agreement share a month, each breach is one version's, and is credited once."""

from datetime import UTC, datetime
from functools import cache

import pytest

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.plan import Contract, Plans
from contracts.workspace import decode_documents
from gateway.audit.leaf import Authority
from gateway.corrections.facts import History
from gateway.corrections.steps import Taken
from gateway.notices.known import Known
from gateway.sla.ledger import Ledger, empty_tally
from gateway.sla.presence import Presence
from gateway.statements.counted import CountedSource, Gathered
from gateway.statements.period import read_period
from gateway.statements.settle import Asked, faults_of, settle
from policies.promise import OwedBy
from tests.unit.notices.announcing import announced
from tests.unit.sla.hub import PRODUCT
from tests.unit.statements.hub import AGREEMENT, FEES, LATER, POLICY

CLAUSES = """\
  - id: "6.1"
    kind: correction
    owed_by: hub
    severities: {{critical: {{fix: P1D}}{minor}}}
    hours: wall
    reopen_within: P7D
    credit: {{percent: 2}}
    text: {{zh: "{{owed_by}} {{severities}} {{hours}} {{reopen_within}} {{credit.of}} {{credit.percent}}",
      en: "{{owed_by}} {{severities}} {{hours}} {{reopen_within}} {{credit.of}} {{credit.percent}}"}}
  - id: "6.2"
    kind: notice
    owed_by: hub
    window: month
    notice: P90D
    credit: {{percent: 1}}
    text: {{zh: "{{owed_by}} {{window}} {{notice}} {{credit.of}} {{credit.percent}}",
      en: "{{owed_by}} {{window}} {{notice}} {{credit.of}} {{credit.percent}}"}}
"""
CHANGE = "notice: ch-1\nkind: change\neffective: 2026-10-20\nproducts: [shipments]"

NOTHING = Known()


@cache
def both_versions() -> Plans:
    """One until 10 October, the next from then on: of two severities the second knows but one."""
    files = {"products/shipments.odcs.yaml": PRODUCT.format(name="shipments", role="logistics", purpose="delivery")}
    for number, minor, begins, ends in (
        ("1.0.0", ", minor: {fix: P3D}", "2026-01-01", "2026-10-11"),
        ("1.1.0", "", "2026-10-11", "2028-01-01"),
    ):
        policy = POLICY.replace("version: 1.0.0", f"version: {number}") + CLAUSES.format(minor=minor)
        files[f"policies/standard-terms-{number}.yaml"] = policy
        agreement = AGREEMENT.format(version=number, begins=begins, ends=ends, fees=FEES)
        files[f"agreements/swift-{number}.yaml"] = agreement.replace(
            "policy: standard-terms, version: 1.0.0", f"policy: standard-terms, version: {number}"
        )
    documents, findings = decode_documents({name: text.encode() for name, text in files.items()})
    assert findings == [], findings
    plans = compile_documents(documents, {"records": Backend()})
    assert isinstance(plans, Plans), plans
    return plans


def us(text: str) -> int:
    """Unix microseconds of a time in Shanghai."""
    return int(datetime.fromisoformat(f"{text}+08:00").timestamp()) * 1_000_000


def report(name: str, at: str, severity: str = "critical", owed_by: OwedBy = "hub") -> History:
    """An error that nobody ever corrects."""
    return History(name, "swift-logistics", "swift-2026", "6.1", severity, owed_by, (Taken(us(at), "report"),))


def source(histories: tuple[History, ...], known: Known, now: datetime = LATER) -> CountedSource:
    plans, presence = both_versions(), Presence()
    tally = empty_tally(plans, presence)
    for contract in plans.contracts.values():
        subject = f"{contract.agreement} {contract.version}"
        tally.hear(Authority(us("2026-01-01"), "agreement-activated", subject, contract.hash, contract.partner))
    ledger = Ledger(tally, presence, {}, 0, {})
    return CountedSource(Gathered(plans, ledger, known, histories, {}), now)


def breaches(clause: str, *histories: History, known: Known = NOTHING, now: datetime = LATER) -> dict[str, str]:
    """What each version makes of October under a clause; nothing is at fault."""
    period = read_period("2026-10")
    assert period is not None
    versions: tuple[Contract, ...] = both_versions().of_partner("swift-logistics")
    found = settle(Asked(versions, period, now), source(histories, known, now))
    assert found is not None
    assert faults_of(found) == []
    return {
        each.version: {figure.name: figure.value for figure in each.windows[0].figures}[
            "late" if known.notices else "breaches"
        ]
        for each in found.clauses
        if each.clause == clause
    }


@pytest.mark.parametrize(
    ("reported", "older", "newer"),
    [
        ("2026-10-05", "1", "0"),
        ("2026-10-09T23:59:59", "1", "0"),
        ("2026-10-10", "0", "1"),  # due when the newer version begins
        ("2026-10-20", "0", "1"),
    ],
)
def test_a_breach_is_that_of_the_version_in_force_when_its_deadline_passes(
    reported: str, older: str, newer: str
) -> None:
    assert breaches("6.1", report("c-1", reported)) == {"1.0.0": older, "1.1.0": newer}


def test_a_report_that_the_newer_version_knows_nothing_of_is_no_fault_of_it() -> None:
    """Else no statement could be issued while it is open."""
    others = (report("c-1", "2026-10-02", "minor"), report("c-2", "2026-10-02", owed_by="partner"))
    assert breaches("6.1", *others) == {"1.0.0": "1", "1.1.0": "0"}


def test_a_deadline_that_has_not_passed_yet_is_no_breach_so_far() -> None:
    due = datetime(2026, 10, 21, 0, tzinfo=UTC)
    late = report("c-1", "2026-10-20T08:00")
    assert breaches("6.1", late, now=due)["1.1.0"] == "0"
    assert breaches("6.1", late, now=due.replace(microsecond=1))["1.1.0"] == "1"


def test_a_change_that_came_too_late_counts_under_the_version_in_which_it_takes_effect() -> None:
    known = Known((announced(CHANGE, "2026-10-01T00:00"),))
    assert breaches("6.2", known=known) == {"1.0.0": "0", "1.1.0": "1"}
