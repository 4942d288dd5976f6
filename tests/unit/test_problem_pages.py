"""The page that a problem's `type` leads to explains the code, in both languages."""

from html import escape

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gateway.problem_pages import answer_error, problem_routes
from gateway.problems import PROBLEMS
from tests.flows.broken import CJK


@pytest.fixture
def client() -> TestClient[Litestar]:
    return TestClient(Litestar(problem_routes(), openapi_config=None))


def test_every_type_resolves_to_a_page_with_title_and_advice(client: TestClient[Litestar]) -> None:
    every = client.get("/problems").text
    for code, problem in PROBLEMS.items():
        answer = client.get(f"/problems/{code}")
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        for words in (*problem.title.values(), *problem.advice.values()):
            assert escape(words) in answer.text
            assert escape(words) in every


def test_title_and_advice_of_every_code_are_in_the_language_that_they_say() -> None:
    for code, problem in PROBLEMS.items():
        for words in (problem.title, problem.advice):
            assert CJK.search(words["zh"]), code
            assert not CJK.search(words["en"]), code


def test_an_unknown_code_is_404_and_is_not_repeated(client: TestClient[Litestar]) -> None:
    answer = client.get("/problems/%3Cscript%3E")
    assert answer.status_code == 404
    assert "script" not in answer.text


def test_what_is_not_there_is_a_problem_in_the_callers_language() -> None:
    client = TestClient(Litestar(problem_routes(), openapi_config=None, exception_handlers={Exception: answer_error}))
    missing = client.get("/nowhere", headers={"accept-language": "zh-CN"})
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert missing.json()["title"] == PROBLEMS["not-found"].title["zh"]
    wrong = client.post("/problems")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
