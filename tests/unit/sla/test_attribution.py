"""Every failure has somebody whose fault it is, and nobody's fault is left to chance."""

import pytest

from gateway.problems import PROBLEMS
from gateway.sla.attribution import FAULTS, fault_of


def test_every_problem_code_is_in_the_table_and_no_other() -> None:
    assert set(FAULTS) == set(PROBLEMS)


def test_what_the_hub_or_a_backend_did_is_never_laid_to_the_partner() -> None:
    """The hub answers 5xx for faults of its own and of its backends; where a partner is called, it is the backend."""
    called = {"partner-unreachable", "partner-error", "partner-timeout", "partner-failing"}
    for code, problem in PROBLEMS.items():
        if problem.status >= 500 and code not in called:
            assert FAULTS[code] in ("hub", "backend"), code


@pytest.mark.parametrize(
    ("code", "status", "fault"),
    [
        ("", 404, "partner"),
        ("", 502, "backend"),
        ("of-a-later-version", 499, "partner"),
        ("of-a-later-version", 500, "backend"),
        ("log-unavailable", 503, "hub"),
        ("backend-refused", 422, "partner"),
        ("outbound-invalid", 422, "hub"),
    ],
)
def test_without_a_known_code_the_status_tells(code: str, status: int, fault: str) -> None:
    assert fault_of(code, status) == fault
