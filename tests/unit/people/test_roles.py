"""Who may do what is one table; which group of the company has which role is the operator's setting."""

from typing import get_args

import pytest

from gateway.people.roles import ALLOWED, ROLES, Allowed, Groups, Seat, home_of, may, seat_of, who_may

GROUPS = Groups(["sre=ops", "cn=law,dc=hengtai=legal", "all=auditor", "swift=partner-developer:swift-logistics"])


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("ops", {"see-console"}),
        ("legal", {"see-console", "sign-off"}),
        ("admin", {"see-console", "sign-off"}),
        ("auditor", {"see-console"}),
        ("partner-developer", {"see-portal"}),
        ("operator", set()),
        ("", set()),
    ],
)
def test_each_role_may_what_the_table_says_and_an_unknown_one_nothing(role: str, allowed: set[str]) -> None:
    everything: tuple[Allowed, ...] = get_args(Allowed)
    assert {what for what in everything if may(role, what)} == allowed


def test_whoever_is_refused_can_be_told_who_may() -> None:
    assert who_may("sign-off") == ("legal", "admin")
    assert who_may("see-console") == ("ops", "legal", "admin", "auditor")
    assert who_may("see-portal") == ("partner-developer",)


def test_the_table_has_every_role() -> None:
    assert tuple(ALLOWED) == ROLES


def test_a_role_begins_where_it_may_be() -> None:
    assert {role: home_of(role) for role in ROLES} == dict.fromkeys(ROLES, "/console/") | {
        "partner-developer": "/portal/"
    }


@pytest.mark.parametrize(
    ("claim", "seat"),
    [
        ("sre", Seat("ops")),
        (["staff", "sre"], Seat("ops")),
        (["all", "cn=law,dc=hengtai"], Seat("legal")),
        (["swift"], Seat("partner-developer", "swift-logistics")),
        (["SRE"], None),
        ("sre,all", None),
        ([], None),
        (None, None),
        (True, None),
        ({"sre": True}, None),
        ([["sre"], {"sre": 1}, None, 7], None),
    ],
)
def test_the_first_line_whose_group_a_person_has_says_the_role(claim: object, seat: Seat | None) -> None:
    assert GROUPS.seat_of(claim) == seat


@pytest.mark.parametrize(
    "line",
    ["", "sre", "=ops", "sre=", "sre=operator", "sre=ops:swift", "swift=partner-developer", "swift=partner-developer:",
     "swift=partner-developer:Swift Logistics"],
)  # fmt: skip
def test_a_line_that_says_no_role_is_refused_with_the_roles_there_are(line: str) -> None:
    with pytest.raises(ValueError, match="roles are ops, legal, admin, auditor, partner-developer"):
        Groups(["sre=ops", line])


def test_only_a_partners_developer_has_a_partner() -> None:
    assert seat_of("ops", "swift-logistics") is None
    assert seat_of("partner-developer", "") is None
    assert seat_of("root", "") is None
    assert seat_of("auditor", "") == Seat("auditor")
