"""What each partner's OpenAPI document says is what the running demo does: schemathesis looks for a difference."""

import csv
import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jsonschema
import pytest
import schemathesis
import yaml
from http_message_signatures import HTTPMessageSignaturesException
from hypothesis import HealthCheck, given, settings
from joserfc.jwk import ECKey
from msgspec import Struct
from openapi_spec_validator import validate
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import ROOT
from tests.flows.demo import PRODUCTS, Partner, clausegate, make_room, running
from tests.unit.signatures.partner import COVERED
from tests.unit.signatures.partner import Partner as Signer

# Two demos and thousands of calls: minutes of work, which the continuous integration does.
pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
METHODS = {"get", "post", "patch", "delete"}
MADE_ANEW = {"DPoP", "Content-Digest", "Signature-Input", "Signature"}


class Operation(Struct, frozen=True):
    """One operation of one partner, as the committed documents name it: the demo serves the sample contracts."""

    partner: str
    path: str
    method: str

    def __str__(self) -> str:
        return f"{self.partner} {self.method} {self.path}"


def operations_of(partner: str, document: dict[str, Any]) -> list[Operation]:
    return [
        Operation(partner, path, method)
        for path, methods in document["paths"].items()
        for method in methods
        if method in METHODS
    ]


OPERATIONS = [
    operation
    for partner in PRODUCTS
    for operation in operations_of(partner, json.loads((ROOT / "openapi" / f"{partner}.json").read_bytes()))
]
CREATING = [operation for operation in OPERATIONS if operation.method == "post"]


class Served(Struct, frozen=True):
    """The demo, up, with each partner's program and document."""

    url: str
    partners: dict[str, Partner]
    signers: dict[str, Signer]
    documents: dict[str, dict[str, Any]]

    def described(self, operation: Operation) -> Any:
        """The operation as schemathesis knows it."""
        schema = schemathesis.openapi.from_dict(without_proofs(self.documents[operation.partner]))
        schema.config.update(base_url=self.url)
        schema.config.generation.update(allow_x00=False)  # U+0000 is refused in words, which no schema says
        return schema[operation.path][operation.method.upper()]

    def record_schema(self, partner: str) -> dict[str, Any]:
        """The schema of one record of the partner's list."""
        document = self.documents[partner]
        page = document["paths"][f"/v1/{PRODUCTS[partner]}"]["get"]["responses"]["200"]["content"]["application/json"]
        name = page["schema"]["properties"]["data"]["items"]["$ref"].rsplit("/", 1)[1]
        found: dict[str, Any] = document["components"]["schemas"][name]
        return found

    def caller(self, partner: str) -> "Calling":
        return Calling(self.partners[partner], self.signers.get(partner))

    def keys(self, partner: str) -> list[str]:
        """Keys of records that the partner sees."""
        records = self.partners[partner].get(f"/v1/{PRODUCTS[partner]}?limit=5").json()["data"]
        return [str(next(iter(record.values()))) for record in records]


def without_proofs(document: dict[str, Any]) -> dict[str, Any]:
    """The document without the headers that nobody can invent: proof and signature are made when a call is sent."""
    copied: dict[str, Any] = json.loads(json.dumps(document))
    for methods in copied["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [each for each in operation["parameters"] if each["name"] not in MADE_ANEW]
    return copied


class Calling(AuthBase):
    """Sends each call with the partner's token, and where it is bound to a key with a proof for this very call. Whoever
    has a key to sign with signs its changes."""

    def __init__(self, partner: Partner, signer: Signer | None) -> None:
        self._partner, self._signer = partner, signer

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        path = str(request.url).removeprefix(self._partner.url)
        request.headers.update(self._partner.signed_in(str(request.method), path))
        if self._signer is not None and request.method != "GET":
            request.headers.update(self._signed(self._signer, request, path))
        return request

    @staticmethod
    def _signed(signer: Signer, request: PreparedRequest, path: str) -> dict[str, str]:
        """The fields that sign a request, its body and the fields that say what it is; none where it has a field that
        the library does not sign."""
        signer.now_s = time.time()
        covered = tuple(name for name in (*COVERED, "if-match") if request.body or name != "content-digest")
        sent = {name.lower(): _text(value) for name, value in request.headers.items()}
        body = request.body or b""
        assert isinstance(body, str | bytes)
        try:
            signed = signer.sign(str(request.method), path, sent, _bytes(body), covered=covered)
        except HTTPMessageSignaturesException:
            return {}
        return {name: signed[name] for name in signed.keys() - sent.keys()}


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("demo") / "d"
    first = clausegate("demo", "--dir", folder, "--port", 0, "--once")
    assert first.returncode == 0, first.stdout + first.stderr
    make_room(folder / "workspace")
    make_room_for_repair(folder / "workspace")
    with running(folder / "said", "demo", "--dir", folder, "--port", 0) as process:
        process.says("Ctrl-C ends the demo")
        credentials = json.loads((folder / "credentials.json").read_bytes())
        partners = {one["partner"]: Partner(process.url, one) for one in credentials}
        signers = {one["partner"]: signer(process.url, one) for one in credentials if "private_key_file" in one}
        yield Served(process.url, partners, signers, {name: document(folder / "workspace", name) for name in partners})


def signer(url: str, credential: dict[str, str]) -> Signer:
    """Who signs with the key that its client authenticates with."""
    key = ECKey.import_key(Path(credential["private_key_file"]).read_bytes())
    return Signer(kid=key.thumbprint(), key=key, base_url=url)


def make_room_for_repair(workspace: Path) -> None:
    """The tour's own limit would answer most of these calls: what is to be seen here are the other answers."""
    file = workspace / "agreements" / "delta-repair-2026.yaml"
    agreement = yaml.safe_load(file.read_text())
    agreement["policies"][0]["set"]["4.1"] = {"limit": 6000, "burst": 600}
    file.write_text(yaml.safe_dump(agreement))


def document(workspace: Path, partner: str) -> dict[str, Any]:
    done = clausegate("openapi", workspace, "--partner", partner)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    validate(found)
    return found


def explore(served: Served, operation: Operation, mode: GenerationMode, checks: list[Any]) -> list[int]:
    """Make calls of one operation; the statuses that came back."""
    caller, keys = served.caller(operation.partner), served.keys(operation.partner)
    statuses: list[int] = []

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=served.described(operation).as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            make_sense(case, keys)
        statuses.append(case.call_and_validate(auth=caller, checks=checks).status_code)

    call()
    return statuses


def make_sense(case: Any, keys: list[str]) -> None:
    """What no document can say: a cursor is one that we gave, a change is of a record that is there, each with a key
    of its own, and what is there is seldom what somebody invents."""
    if case.query:
        case.query.pop("cursor", None)
    if case.headers:
        case.headers.pop("If-Match", None)
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.method == "PATCH":
        case.path_parameters = {"key": keys[0]}


def test_every_operation_that_is_served_is_explored(served: Served) -> None:
    found = [operation for partner in PRODUCTS for operation in operations_of(partner, served.documents[partner])]
    assert found == OPERATIONS


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_valid_calls_are_answered_as_the_document_says(served: Served, operation: Operation) -> None:
    statuses = explore(served, operation, GenerationMode.POSITIVE, [*CHECKS, valid_body_is_accepted])
    if operation.method != "delete" and (operation.method == "patch" or "{key}" not in operation.path):
        assert {200, 201} & set(statuses), statuses


@schemathesis.check
def valid_body_is_accepted(_: Any, response: Any, __: Any) -> None:
    """What fits the schema of a request body is not refused for its form."""
    assert response.status_code != 422 or not response.json()["type"].endswith("/invalid-body"), response.text


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_calls_against_the_document_are_refused_as_it_says(served: Served, operation: Operation) -> None:
    explore(served, operation, GenerationMode.NEGATIVE, [*CHECKS, invalid_call_is_refused])


@schemathesis.check
def invalid_call_is_refused(context: Any, response: Any, case: Any) -> bool | None:
    """schemathesis knows these refusals by other statuses only: what is far too long is not looked at any further.

    A list in a query that it made a text of is the same text once it is written: such a call breaks nothing.
    """
    if response.status_code in {413, 414, 415, 431}:
        return None
    try:
        return negative_data_rejection(context, response, case)
    except AcceptedNegativeData as failure:
        if " in query" in str(failure) and " in header" not in str(failure) and query_is_as_described(response, case):
            return None
        raise


def query_is_as_described(response: Any, case: Any) -> bool:
    """Whether the query, as it was written into the URL, is what the document allows, lists parted at their commas."""
    described = {
        parameter["name"]: parameter["schema"]
        for parameter in case.operation.definition.raw["parameters"]
        if parameter["in"] == "query"
    }
    for name, value in parse_qsl(urlsplit(str(response.request.url)).query, keep_blank_values=True):
        schema = described.get(name, {"not": {}})
        read = [_read(one, schema["items"]) for one in value.split(",")] if schema.get("type") == "array" else value
        read = read if isinstance(read, list) else _read(read, schema)
        if not jsonschema.Draft202012Validator(schema).is_valid(read):
            return False
    return True


def _read(text: str, schema: dict[str, Any]) -> Any:
    """The value that a text in a URL stands for, where it stands for one of this type."""
    kinds: dict[str, Callable[[str], Any]] = {
        "integer": int,
        "number": float,
        "boolean": {"true": True, "false": False}.__getitem__,
    }
    try:
        return kinds.get(schema.get("type", ""), str)(text)
    except (ValueError, KeyError):
        return text


@pytest.mark.parametrize("partner", PRODUCTS)
def test_records_by_their_keys_are_as_the_document_says(served: Served, partner: str) -> None:
    operation = served.described(Operation(partner, f"/v1/{PRODUCTS[partner]}/{{key}}", "get"))
    for key in served.keys(partner):
        case = operation.Case(path_parameters={"key": key})
        response = case.call_and_validate(auth=served.caller(partner), checks=[*CHECKS, ignored_auth])
        assert response.status_code == 200
        again = operation.Case(path_parameters={"key": key}, headers={"If-None-Match": response.headers["etag"][0]})
        assert again.call_and_validate(auth=served.caller(partner), checks=CHECKS).status_code == 304


@pytest.mark.parametrize("partner", PRODUCTS)
def test_records_as_lines_are_those_of_the_document(served: Served, partner: str) -> None:
    """No JSON Schema describes lines, so that schemathesis cannot look into them: the library jsonschema does."""
    validator = jsonschema.Draft202012Validator(served.record_schema(partner))
    path = f"/v1/{PRODUCTS[partner]}?limit=300"
    lines = served.partners[partner].get(path, accept="application/x-ndjson")
    assert lines.headers["content-type"] == "application/x-ndjson"
    records = [json.loads(line) for line in lines.text.removesuffix("\n").split("\n")]
    assert records
    for record in records:
        validator.validate(record)
    table = list(csv.reader(io.StringIO(served.partners[partner].get(path, accept="text/csv").text)))
    listed = served.documents[partner]["paths"][f"/v1/{PRODUCTS[partner]}"]["get"]
    example = listed["responses"]["200"]["content"]["text/csv"]["example"]
    assert table[0] == next(csv.reader(io.StringIO(example)))
    assert len(table) == len(records) + 1


@pytest.mark.parametrize("operation", CREATING, ids=str)
def test_what_the_document_shows_as_a_body_is_created_once(served: Served, operation: Operation) -> None:
    described = served.documents[operation.partner]["paths"][operation.path]["post"]
    body = described["requestBody"]["content"]["application/json"]["example"]
    partner, key = served.partners[operation.partner], {"Idempotency-Key": str(uuid.uuid4())}

    def headers(method: str, path: str) -> dict[str, str]:
        return {**partner.signed_in(method, path), **key}

    first, again = (
        httpx.post(served.url + operation.path, json=body, headers=headers("POST", operation.path)) for _ in range(2)
    )
    assert first.status_code == 201, first.text
    assert (again.status_code, again.content) == (201, first.content)
    jsonschema.validate(first.json(), served.record_schema(operation.partner), cls=jsonschema.Draft202012Validator)
    place = first.headers["location"]
    assert httpx.get(served.url + place, headers=headers("GET", place)).json() == first.json()
