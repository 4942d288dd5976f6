"""The Ecosystem screen as values: one row per partner, from the same functions as `clausegate health`."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway.console.figures import Bar, Promise, bar, clock, percent, promise, span
from gateway.console.language import Catalogue
from gateway.health.ecosystem import WINDOW_DAYS, PartnerHealth, Term
from gateway.health.score import Health
from policies.reference import Language


class AgreementLink(Struct, frozen=True):
    """An agreement to open."""

    agreement: str
    version: str
    term: Term


class Refusals(Struct, frozen=True):
    """Refusals under one clause, with its words."""

    clause: str
    count: int
    text: str


class Judged(Struct, frozen=True):
    """One dimension of the score: its name, what it may and did cost, and why. None: unknown."""

    title: str
    points: str | None
    lost: str | None
    evidence: str


class PartnerRow(Struct, frozen=True):
    """One partner on the screen. What is unknown is None and shown as such."""

    partner: str
    name: str
    role: str
    agreements: tuple[AgreementLink, ...]
    served: int
    declared: int | None
    requests_per_day: int | None
    observed: str | None
    activity: Bar | None
    good_percent: str | None
    good: int
    judged: int
    answers: Bar | None
    met: int
    promises: tuple[Promise, ...]
    refusals: tuple[Refusals, ...]
    refused: int
    score: str | None
    health: Bar | None
    judgements: tuple[Judged, ...]


class EcosystemScreen(Struct, frozen=True):
    """The whole screen: `updated` is the moment the figures hold for.

    `met`, `missed` and `undecided` count SLA clauses, `unknown` partners without a score.
    """

    updated: str
    window_days: int
    partners: tuple[PartnerRow, ...]
    requests: int
    met: int
    missed: int
    undecided: int
    promises: int
    refused: int
    unknown: int
    lowest: PartnerRow | None


def ecosystem_screen(partners: Iterable[PartnerHealth], now_s: float, t: Catalogue) -> EcosystemScreen:
    """Lay out what the health functions found."""
    partners = list(partners)
    rows = tuple(_row(partner, t) for partner in partners)
    scored = [row for row in rows if row.score is not None]
    verdicts = [shown.verdict for row in rows for shown in row.promises]
    return EcosystemScreen(
        updated=clock(now_s, common_zone(partners)),
        window_days=WINDOW_DAYS,
        partners=rows,
        requests=sum(partner.counts.requests for partner in partners),
        met=verdicts.count("met"),
        missed=verdicts.count("missed"),
        undecided=verdicts.count("unknown"),
        promises=len(verdicts),
        refused=sum(row.refused for row in rows),
        unknown=len(rows) - len(scored),
        lowest=min(scored, key=lambda row: float(row.score or 0), default=None),
    )


def common_zone(partners: Iterable[PartnerHealth]) -> ZoneInfo:
    """The time zone that most agreements are written in; UTC without any."""
    zones = Counter(one.contract.time_zone for partner in partners for one in partner.agreements)
    return ZoneInfo(zones.most_common(1)[0][0] if zones else "UTC")


def _row(partner: PartnerHealth, t: Catalogue) -> PartnerRow:
    counts, declared, share = partner.counts, partner.declared, partner.good_share
    served = None if declared is None else counts.good / max(Fraction(1), declared)
    return PartnerRow(
        partner=partner.partner,
        name=partner.name[t.language],
        role=partner.role,
        agreements=tuple(
            AgreementLink(one.contract.agreement, one.contract.version, one.term) for one in partner.agreements
        ),
        served=counts.good,
        declared=None if declared is None else ceil(declared),
        requests_per_day=partner.requests_per_day,
        observed=span(partner.observed_s, t) if partner.observed_s else None,
        activity=None if served is None else bar(served, t("ecosystem.activity_bar", percent=percent(served, 1))),
        good_percent=percent(share),
        good=counts.good,
        judged=counts.judged,
        answers=None if share is None else bar(share, t("ecosystem.answers_bar", percent=percent(share))),
        met=partner.clauses_met[0],
        promises=tuple(promise(result, t) for result in partner.meters),
        refusals=_refusals(partner, t.language),
        refused=counts.refused,
        score=None if partner.health.score is None else str(partner.health.score),
        health=_score_bar(partner.health, t),
        judgements=tuple(
            Judged(
                part.title[t.language],
                None if part.points is None else str(part.points),
                None if part.lost is None else str(part.lost),
                part.evidence[t.language],
            )
            for part in partner.health.judgements
        ),
    )


def _score_bar(health: Health, t: Catalogue) -> Bar | None:
    if health.score is None:
        return None
    return bar(Fraction(health.score) / 100, t("ecosystem.score_bar", score=health.score))


def _refusals(partner: PartnerHealth, language: Language) -> tuple[Refusals, ...]:
    texts = {
        clause.id: clause.text[language]
        for one in partner.agreements
        for clause in (*one.contract.clauses, one.contract.effective_clause, one.contract.products_clause)
    }
    by_count = sorted(partner.counts.refusals.items(), key=lambda refusal: (-refusal[1], refusal[0]))
    return tuple(Refusals(clause, count, texts.get(clause, "")) for clause, count in by_count)
