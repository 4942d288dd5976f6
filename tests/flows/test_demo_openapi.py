"""What each partner's OpenAPI document says is what the running demo does: schemathesis looks for a difference."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from msgspec import Struct
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.flows.demo import PRODUCTS, Partner, clausegate, make_room, running

pytestmark = pytest.mark.timeout(300)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Served(Struct, frozen=True):
    """The demo, up, with each partner's program and document."""

    url: str
    partners: dict[str, Partner]
    documents: dict[str, dict[str, Any]]

    def operation(self, partner: str, path: str) -> Any:
        schema = schemathesis.openapi.from_dict(self.documents[partner])
        schema.config.update(base_url=self.url)
        return schema[path]["GET"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("demo") / "d"
    first = clausegate("demo", "--dir", folder, "--port", 0, "--once")
    assert first.returncode == 0, first.stdout + first.stderr
    make_room(folder / "workspace")
    with running(folder / "said", "demo", "--dir", folder, "--port", 0) as process:
        process.says("Ctrl-C ends the demo")
        credentials = json.loads((folder / "credentials.json").read_bytes())
        partners = {one["partner"]: Partner(process.url, one) for one in credentials}
        yield Served(process.url, partners, {name: document(folder / "workspace", name) for name in partners})


def document(workspace: Path, partner: str) -> dict[str, Any]:
    done = clausegate("openapi", workspace, "--partner", partner)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    validate(found)
    return found


def authorization(served: Served, partner: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.partners[partner].token}"}


@pytest.mark.parametrize("key", ["", "/{key}"], ids=["list", "get"])
@pytest.mark.parametrize("partner", PRODUCTS)
def test_valid_calls_are_answered_as_the_document_says(served: Served, partner: str, key: str) -> None:
    explore(served, partner, f"/v1/{PRODUCTS[partner]}{key}", GenerationMode.POSITIVE, CHECKS)


@pytest.mark.parametrize("key", ["", "/{key}"], ids=["list", "get"])
@pytest.mark.parametrize("partner", PRODUCTS)
def test_calls_against_the_document_are_refused_as_it_says(served: Served, partner: str, key: str) -> None:
    checks = [*CHECKS, negative_data_rejection]
    explore(served, partner, f"/v1/{PRODUCTS[partner]}{key}", GenerationMode.NEGATIVE, checks)


def explore(served: Served, partner: str, path: str, mode: GenerationMode, checks: list[Any]) -> None:
    operation = served.operation(partner, path)
    headers = authorization(served, partner)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=checks)

    call()


@pytest.mark.parametrize("partner", PRODUCTS)
def test_records_by_their_keys_are_as_the_document_says(served: Served, partner: str) -> None:
    product = PRODUCTS[partner]
    records = served.partners[partner].get(f"/v1/{product}?limit=5").json()["data"]
    operation = served.operation(partner, f"/v1/{product}/{{key}}")
    for record in records:
        case = operation.Case(path_parameters={"key": str(next(iter(record.values())))})
        response = case.call_and_validate(headers=authorization(served, partner), checks=[*CHECKS, ignored_auth])
        assert response.status_code == 200
