"""Screens show what the functions found, escaped, with every header."""

import re
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.plan import Plans
from contracts.workspace import decode_documents
from gateway.console.pages import SECURITY_HEADERS
from gateway.console.product_views import product_views
from gateway.health.ecosystem import ecosystem
from gateway.sla.result import decimal_down
from gateway.sla.tally import Tally
from openapi.generate import sample_files
from tests.unit.console.house import House, Page, busy, call, enter, house
from tests.unit.sla.hub import NOON_S, PARTNERS, POLICY, contract_of, exchange, plan_of, plans_of

PLANS = plans_of()
AGREEMENT = "/console/agreements/swift-logistics-2026"
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"


@pytest.fixture
def built() -> House:
    return busy(house(PLANS))


@pytest.fixture
def client(built: House) -> Iterator[TestClient[Litestar]]:
    with TestClient(built.app) as client:
        enter(client)
        yield client


@pytest.mark.parametrize(
    "path", ["/console/", "/console/ecosystem", AGREEMENT, f"{AGREEMENT}/clauses", "/console/nowhere", "/console/login"]
)
def test_every_answer_carries_the_security_headers_and_is_kept_by_no_cache(
    client: TestClient[Litestar], path: str
) -> None:
    answer = client.get(path, follow_redirects=False)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/console/", AGREEMENT, "/console/login"])
def test_no_page_has_inline_script_or_style_or_names_another_host(client: TestClient[Litestar], path: str) -> None:
    page = Page(client.get(path).text)
    for tag, said in page.tags:
        assert tag != "style"
        assert "style" not in said
        assert not any(name.startswith("on") for name in said)
        assert tag != "script" or said.get("src", "").startswith("/console/static/")  # type: ignore[union-attr]
        for name in ("src", "href", "action", "hx-get"):
            assert str(said.get(name, "/")).startswith(("/", "#"))


@pytest.mark.parametrize("path", ["/console/", AGREEMENT])
def test_every_header_cell_says_what_it_heads(client: TestClient[Litestar], path: str) -> None:
    heads = [said for tag, said in Page(client.get(path).text).tags if tag == "th"]
    assert heads
    assert all(said.get("scope") in ("row", "col") for said in heads)


def test_every_input_that_is_seen_has_a_label() -> None:
    with TestClient(house(PLANS).app) as client:
        tags = Page(client.get("/console/login").text).tags
    labelled = {said.get("for") for tag, said in tags if tag == "label"}
    assert {said.get("id") for tag, said in tags if tag == "input" and said.get("type") != "hidden"} == labelled


def test_the_figures_of_each_partner_are_those_of_the_health_functions(
    built: House, client: TestClient[Litestar]
) -> None:
    rows = Page(client.get("/console/").text).rows
    found = ecosystem(built.tally, PLANS, NOON_S)
    assert set(rows) == {partner.partner for partner in found}
    for partner in found:
        row, counts = rows[partner.partner], partner.counts
        if partner.health.score is None:
            assert "unknown" in row
            continue
        assert f" {partner.health.score} " in row
        assert partner.good_share is not None
        assert partner.declared is not None
        assert f"{decimal_down(partner.good_share * 100, 2)}% {counts.good:,} of {counts.judged:,}" in row
        assert f"{counts.good:,} served, {int(partner.declared):,} declared" in row
        met, clauses = partner.clauses_met
        assert f"{met} of {clauses}" in row
        for clause, count in counts.refusals.items():
            assert f"{clause} {count:,} : The Partner" in row
        for part in partner.health.judgements:
            assert part.evidence["en"] in row
            assert not part.lost or f"−{part.lost}" in row


def test_the_clause_that_refused_most_comes_first(client: TestClient[Litestar]) -> None:
    row = Page(client.get("/console/").text).rows["swift-logistics"]
    assert 0 < row.index("4.1 57 :") < row.index("2.1 1 :")


def test_the_part_that_refreshes_shows_new_counts(built: House, client: TestClient[Litestar]) -> None:
    before = Page(client.get("/console/ecosystem").text).rows["swift-logistics"]
    busy(built)
    after = Page(client.get("/console/ecosystem").text).rows["swift-logistics"]
    assert "1,400 of 1,423" in before
    assert "2,800 of 2,846" in after


def test_each_clause_stands_in_both_languages_beside_its_live_figure(
    built: House, client: TestClient[Litestar]
) -> None:
    rows = Page(client.get(AGREEMENT).text).rows
    contract = contract_of(PLANS)
    for clause in (*contract.clauses, contract.effective_clause, contract.products_clause):
        for language in ("zh", "en"):
            assert " ".join(clause.text[language].split()) in rows[clause.id]
    assert "41 of 600 calls in the last 1 minute" in rows["4.1"]
    assert "Refused: 57 in 7 days, 57 in all" in rows["4.1"]
    assert "Allowed here: delivery Refused: 1 in 7 days" in rows["2.1"]
    assert "met 99.9845% achieved, 99.95% promised" in rows["5.1"]
    assert "1,400 of 1,423 calls good and in time" in rows["5.2"]


def test_the_agreement_names_its_hash_its_prevailing_language_and_what_the_partner_sees(
    client: TestClient[Litestar],
) -> None:
    text = client.get(AGREEMENT).text
    contract, plan = contract_of(PLANS), plan_of(PLANS)
    assert contract.hash in text
    assert re.search(r"中文 <span class=\"tag\">prevails</span>", text)
    for field, technique in plan.view.leaves:
        assert ".".join(field.path) in text
        assert technique.words()["en"] in text
    assert "carrier_code</code></th>" not in text, "a field that is not granted is not listed"


DEALER = "/console/agreements/summit-dealer-2026"


def writing_plans() -> Plans:
    """The sample agreements, of which the dealer's writes; its view names the operations in another order."""
    files = sample_files()
    name = "products/leads.odcs.yaml"
    assert b"get, create, update]" in files[name]
    files[name] = files[name].replace(b"get, create, update]", b"update, get, create]")
    documents, _ = decode_documents(files)
    plans = compile_documents(documents, {"hub": Backend(), "operations": Backend()})
    assert isinstance(plans, Plans)
    return plans


def test_each_field_is_listed_once_with_who_writes_it_and_when() -> None:
    (leads,) = (view for view in product_views(writing_plans().all_plans()) if view.product == "leads")
    assert set(leads.scopes) == {"leads:read", "leads:write"}
    both, created = ("create", "update"), ("create",)
    assert {row.path: row.operations for row in leads.written if row.value is None} == {
        "company": created,
        "contact.name": created,
        "contact.phone": created,
        "machine_model": created,
        "quantity": both,
        "budget": both,
        "visit_on": both,
        "status": ("update",),
    }
    assert {row.path: (row.value, row.source) for row in leads.written if row.value is not None} == {
        "dealer_code": ('"SUMMIT"', "partner.code"),
        "status": ('"new"', None),
        "source": ('"dealer"', None),
    }


@pytest.mark.parametrize(
    ("username", "said"),
    [
        (
            "ops",
            [
                "consent (PIPL, article 13)",
                "the partner, on create and update",
                "the gateway, on create: <code>&#34;SUMMIT&#34;</code>",
                "<code>partner.code</code>",
            ],
        ),
        ("li", ["个人同意（个人信息保护法第十三条）", "合作方，新建及修改时", "网关，新建时填入："]),
    ],
)
def test_writing_and_ground_are_said_in_both_languages(username: str, said: list[str]) -> None:
    with TestClient(house(writing_plans()).app) as client:
        enter(client, username)
        text = client.get(DEALER).text
    assert [words for words in said if words not in text] == []


def test_a_view_without_writing_or_ground_has_no_table_of_it_and_says_that_none_is_named(
    client: TestClient[Litestar],
) -> None:
    text = client.get(AGREEMENT).text
    assert "none named" in text
    assert 'class="fields written"' not in text


def test_the_prevailing_language_is_the_documents(built: House) -> None:
    plans = plans_of(policy=POLICY.replace("prevails: zh", "prevails: en"))
    with TestClient(house(plans).app) as client:
        enter(client)
        text = client.get(AGREEMENT).text
    assert re.search(r"English <span class=\"tag\">prevails</span>", text)


def test_a_limit_per_client_shows_each_client_that_has_called() -> None:
    plans = plans_of(policy=POLICY.replace("per: partner", "per: client"))
    built = house(plans)
    plan = plan_of(plans)
    with TestClient(built.app) as client:
        enter(client)
        assert "600 calls in any 1 minute each client by itself" in Page(client.get(AGREEMENT).text).rows["4.1"]
        for name, calls in (("swift-a", 3), ("swift-b", 5)):
            call(built, plan, calls, name)
            for _ in range(calls):
                built.tally.add(exchange(plan, NOON_S, client=name))
        row = Page(client.get(AGREEMENT).text).rows["4.1"]
    said = "{} of 600 calls in the last 1 minute {}"
    assert f"{said.format(3, 'swift-a')} {said.format(5, 'swift-b')}" in row


def test_a_limit_per_operation_shows_each_operation() -> None:
    plans = plans_of(policy=POLICY.replace("per: partner", "per: operation"))
    with TestClient(house(plans).app) as client:
        enter(client)
        row = Page(client.get(AGREEMENT).text).rows["4.1"]
    assert "shipments · list" in row
    assert "shipments · get" in row


def test_markup_in_a_document_is_shown_as_text() -> None:
    partners = {"swift-logistics": PARTNERS["swift-logistics"] | {"en": HOSTILE, "zh": "三角"}}
    with TestClient(busy_one(partners).app) as client:
        enter(client)
        for path in ("/console/", AGREEMENT):
            text = client.get(path).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in text


def busy_one(partners: dict[str, dict[str, str]]) -> House:
    """A house with other partners."""
    return house(plans_of(partners))


@pytest.mark.parametrize("path", ["/console/agreements/nobody-2026", f"{AGREEMENT}?version=9.9.9", "/console/a/b/c"])
def test_what_does_not_exist_is_a_page_that_says_so(client: TestClient[Litestar], path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Back to the ecosystem" in answer.text


def test_a_hub_without_agreements_says_what_to_do(built: House) -> None:
    empty = type(PLANS)(by_route={}, contracts={})
    with TestClient(house(empty).app) as client:
        enter(client)
        assert "There is no agreement yet" in client.get("/console/").text


def test_a_defect_shows_a_page_and_not_its_reason(built: House) -> None:
    class Broken(Tally):
        def of(self, contract: object) -> None:
            raise RuntimeError("secret-reason")

    def broken(console: object) -> object:
        import msgspec

        return msgspec.structs.replace(console, tally=Broken(PLANS))  # type: ignore[type-var]

    with TestClient(house(PLANS, wrap=broken).app, raise_server_exceptions=False) as client:  # type: ignore[arg-type]
        enter(client)
        answer = client.get("/console/")
    assert answer.status_code == 500
    assert "secret-reason" not in answer.text
    assert answer.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(("language", "title"), [("zh", "生态总览"), ("en", "Ecosystem")])
def test_the_switch_changes_the_language_and_keeps_it(client: TestClient[Litestar], language: str, title: str) -> None:
    answer = client.get(f"/console/language/{language}?next={AGREEMENT}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, AGREEMENT)
    text = client.get("/console/").text
    assert f"<h1>{title}</h1>" in text
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in text


def test_a_language_that_is_not_spoken_changes_nothing(client: TestClient[Litestar]) -> None:
    assert client.get("/console/language/fr", follow_redirects=False).headers.get("set-cookie") is None
