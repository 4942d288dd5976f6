"""The page that a problem's `type` leads to explains the code, in both languages."""

from html import escape

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gateway.problem_pages import problem_routes
from gateway.problems import PROBLEMS


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


def test_an_unknown_code_is_404_and_is_not_repeated(client: TestClient[Litestar]) -> None:
    answer = client.get("/problems/%3Cscript%3E")
    assert answer.status_code == 404
    assert "script" not in answer.text
