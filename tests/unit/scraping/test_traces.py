"""Generated partners at their work are left alone; each way of scraping is found by those who are there for it."""

import pytest

from bench.scrapers import scraping
from bench.traces import DAY_US, normal
from tests.unit.scraping.stage import watched


@pytest.mark.parametrize("character", ["dispatcher", "bank", "dealer", "repairer", "dealer-holidays"])
def test_a_partner_at_its_work_is_left_alone(character: str) -> None:
    assert watched(normal("quiet", character, 23)).detectors() == set()


@pytest.mark.parametrize(
    ("character", "scraper", "detector"),
    [
        ("dealer", "sequential-fast", "sequential-keys"),
        ("dealer", "guessing", "not-found-share"),
        ("dealer", "at-night", "off-hours"),
        ("dealer", "shuffled", "distinct-subjects"),
        ("bank", "over-clients", "sequential-keys"),
        ("repairer", "shuffled-windows", "sequential-keys"),
        ("dealer", "paging", "unusual-volume"),
    ],
)
def test_a_scraper_among_the_normal_use_of_a_partner_is_found_within_a_day(
    character: str, scraper: str, detector: str
) -> None:
    trace = scraping("found", character, scraper, 15)
    findings = watched(trace).findings
    assert all(finding.until_us >= trace.begin_us for finding in findings), "nothing before it begins"
    night_us = DAY_US if scraper == "at-night" else 0
    first = [finding.until_us for finding in findings if finding.detector == detector]
    assert first
    assert first[0] <= trace.begin_us + DAY_US + night_us
