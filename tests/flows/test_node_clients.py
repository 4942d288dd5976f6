"""Client libraries from npm that are not ours, against the real gateway over https: openid-client and oauth4webapi."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.flows.backend import PAGE_RECORDS
from tests.flows.hub import CLIENT
from tests.flows.nodejs import Node, node_with_libraries
from tests.flows.registered import Registered, registered

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
DETAIL = {"type": "data_contract", "agreement": "swift-2026", "products": ["shipments"], "actions": ["list"]}
TOKEN, CALL = "POST /oauth/token", "GET /v1/shipments"
FOUND = "GET /.well-known/oauth-authorization-server 200"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return node_with_libraries(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
def gateway(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registered]:
    with registered(tmp_path_factory.mktemp("hub")) as serving:
        yield serving


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
def test_openid_client_finds_all_by_itself_and_its_token_is_good_with_its_key_alone_until_it_is_revoked(
    gateway: Registered, node: Node, algorithm: str
) -> None:
    given = gateway.given(algorithm) | {"details": json.dumps([DETAIL])}
    said = node.tells("openid-client.mjs", given, NODE_EXTRA_CA_CERTS=gateway.trusted_file)
    assert said["issuer"] == gateway.url
    assert said["token"]["type"] == "dpop"  # in small letters, as this library has it
    assert said["token"]["scope"] == "shipments:read"
    assert covered(said["token"]["details"]) == covered([DETAIL])
    assert (said["unsaid"]["status"], said["unsaid"]["error"]) == (400, "invalid_target")
    assert (said["asItIs"] or {}).get("error") == ("invalid_client" if algorithm == "EdDSA" else None)
    # The first proof is without a nonce; the token endpoint's is good at the other doors as well.
    assert said["seen"] == [
        FOUND,
        f"{TOKEN} 400",
        f"{TOKEN} 200",
        f"{CALL} 200",
        "POST /oauth/introspect 200",
        f"{CALL} 401",
    ]
    assert (said["status"], len(said["body"].get("data", ()))) == (200, PAGE_RECORDS), said["body"]
    own = said["own"]
    assert (own["active"], own["tier"], own["token_type"]) == (True, "bound", "DPoP")
    assert (own["client_id"], own["cnf"]) == (given["client_id"], {"jkt": said["thumbprint"]})
    assert (said["stolen"]["status"], said["stolen"]["error"]) == (401, "invalid_token")
    assert (said["otherKey"]["status"], said["otherKey"]["error"]) == (401, "invalid_token")
    assert said["revoked"] is True
    assert said["after"] == {"active": False}


def covered(details: list[dict[str, Any]]) -> list[tuple[str, list[str], list[str]]]:
    return [(each["agreement"], each["products"], each["actions"]) for each in details]


@pytest.mark.parametrize("algorithm", ["ES256", None], ids=["key and DPoP", "secret"])
def test_oauth4webapi_goes_from_the_resource_to_its_server_and_reads_the_token_as_any_resource_would(
    gateway: Registered, node: Node, algorithm: str | None
) -> None:
    given = gateway.given(algorithm)
    said = node.tells("oauth4webapi.mjs", given, NODE_EXTRA_CA_CERTS=gateway.trusted_file)
    # A client id and a secret go form-encoded into Basic here (RFC 6749 section 2.3.1), its hyphen as well.
    assert (given["client_id"] == CLIENT) is (algorithm is None)
    bound = algorithm is not None
    tries = [f"{TOKEN} 400", f"{TOKEN} 200"] if bound else [f"{TOKEN} 200"]
    assert said["seen"][: 2 + len(tries)] == ["GET /.well-known/oauth-protected-resource 200", FOUND, *tries]
    assert (said["type"], said["status"]) == ("dpop" if bound else "bearer", 200), said["body"]
    assert len(said["body"]["data"]) == PAGE_RECORDS
    read = said["read"]
    assert (read["iss"], read["aud"], read["partner"]) == (gateway.url, gateway.url, "swift")
    assert read["client_id"] == read["sub"] == given["client_id"]
    assert read.get("cnf") == ({"jkt": said["thumbprint"]} if bound else None)
    for refused in (said["elsewhere"], said["unsaid"]):
        assert (refused["status"], refused["error"]) == (400, "invalid_target")
    assert (said["tampered"]["status"], said["tampered"]["error"]) == (401, "invalid_token")
    assert (said["own"]["active"], said["own"]["tier"]) == (True, "bound" if bound else "basic")
    assert said["after"] == {"active": False}


def test_the_lock_holds_what_is_installed_and_names_no_place_to_get_it_from() -> None:
    folder = ROOT / "tests" / "flows" / "node"
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    installed = {name.removeprefix("node_modules/"): each for name, each in packages.items() if name}
    assert {name: installed[name]["version"] for name in wanted} == wanted
    for each in installed.values():
        assert "resolved" not in each
        assert len(base64.b64decode(each["integrity"].removeprefix("sha512-"))) == 64
