"""Each word of the table of roles has a door that asks for it: who may comes through, others are told who may."""

from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gateway.people.roles import ROLES, Allowed, Role, may, who_may
from tests.unit.console.house import PASSWORD, House, Page, enter, form_token, house
from tests.unit.sla.hub import plans_of

PLANS = plans_of()
AGREEMENT = "swift-logistics-2026"
SIGN = f"/console/agreements/{AGREEMENT}/sign-off"
DOORS: dict[Allowed, tuple[str, ...]] = {
    "see-console": (
        "/console/",
        "/console/ecosystem",
        f"/console/agreements/{AGREEMENT}",
        f"/console/agreements/{AGREEMENT}/clauses",
        "/console/sign-offs",
    ),
    "sign-off": (SIGN,),
    "see-portal": ("/portal/",),
}
NAMES = {
    "en": {"ops": "operations", "legal": "legal", "admin": "administration", "auditor": "audit",
           "partner-developer": "developer of a partner"},
    "zh": {"ops": "运营", "legal": "法务", "admin": "管理", "auditor": "审计", "partner-developer": "合作方开发人员"},
}  # fmt: skip


@pytest.fixture(scope="module")
def hub() -> House:
    return house(PLANS)


@pytest.fixture
def built(hub: House) -> House:
    hub.approvals.signed.clear()
    hub.clock.now_s += 1  # roles are others from one test to the next
    return hub


@pytest.fixture
def client(built: House) -> Iterator[TestClient[Litestar]]:
    with TestClient(built.app) as client:
        yield client


def log_in(built: House, client: TestClient[Litestar], role: Role) -> None:
    """As this role, of the one partner where the role is a partner's developer."""
    built.people.seat("ops", role, "swift-logistics" if role == "partner-developer" else "")
    assert enter(client).status_code == 303


def test_every_word_has_a_door() -> None:
    assert set(DOORS) == set(get_args(Allowed))


@pytest.mark.parametrize("role", ROLES)
def test_a_door_lets_in_who_may_and_tells_everybody_else_which_roles_may(
    built: House, client: TestClient[Litestar], role: Role
) -> None:
    log_in(built, client, role)
    for what, paths in DOORS.items():
        # the console is asked for before what is done there
        asked: Allowed = "see-console" if what == "sign-off" and not may(role, "see-console") else what
        for path in paths:
            if may(role, what):
                assert client.get(path).status_code == 200, (role, path)
            else:
                for language, names in NAMES.items():
                    answer = client.get(path, headers={"cookie": f"{cookies(client)}; clausegate_language={language}"})
                    assert answer.status_code == 403, (role, path)
                    said = sentence(answer)
                    assert all(names[each] in said for each in who_may(asked)), (role, path, said)
                    assert names[role] in said
                    assert "600" not in answer.text


@pytest.mark.parametrize("role", ROLES)
def test_only_who_may_sees_the_way_to_sign_off(built: House, client: TestClient[Litestar], role: Role) -> None:
    log_in(built, client, role)
    for path in (f"/console/agreements/{AGREEMENT}", "/console/sign-offs"):
        assert (f"{SIGN}?version=" in client.get(path).text) == may(role, "sign-off")


@pytest.mark.parametrize("role", ROLES)
def test_a_form_that_somebody_else_made_up_signs_for_nobody_who_may_not(
    built: House, client: TestClient[Litestar], role: Role
) -> None:
    log_in(built, client, role)
    home = client.get("/portal/" if role == "partner-developer" else "/console/")
    contract = next(each for each in PLANS.contracts.values() if each.agreement == AGREEMENT)
    form = {"form_token": form_token(home.text), "contract": contract.hash, "password": PASSWORD}
    answer = client.post(SIGN, data=form, follow_redirects=False)
    assert answer.status_code == (303 if may(role, "sign-off") else 403)
    assert built.approvals.by() == (["ops"] if may(role, "sign-off") else [])


@pytest.mark.parametrize("path", [path for paths in DOORS.values() for path in paths])
def test_nobody_comes_in_without_logging_in(client: TestClient[Litestar], path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code in {303, 401}
    assert "600" not in answer.text


def cookies(client: TestClient[Litestar]) -> str:
    """Those that the browser has, as a header."""
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def sentence(answer: httpx.Response) -> str:
    """What the page says, without what is around it."""
    main: Any = answer.text.split("<main", maxsplit=1)[1].split("</main>", maxsplit=1)[0]
    assert ("section", {"class": "card narrow"}) in Page(answer.text).tags
    return str(main)
