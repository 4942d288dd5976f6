"""[services] of backends.toml: read with all its mistakes, none of which repeats a value, and mutual TLS from it."""

import ssl
from pathlib import Path

import pytest

from adapters.registry import read_backends, read_services
from gateway.outbound.connection import Answered, Connection, Failed, Sending
from gateway.outbound.target import ServiceTarget
from tests.unit.outbound.authority import Authority
from tests.unit.outbound.partner_api import listening, says

SENDING = Sending("POST", "/quotes", "", (), b"{}", repeatable=False)
TABLE = """\
[services.rates]
url = "https://api.bank.example/v1"
auth = "client_secret_basic"
token_url = "https://login.bank.example/token"
client_id = "hub"
client_secret = "${BANK_SECRET}"
timeout_ms = 2000
"""


def faults(text: str, **environment: str) -> list[tuple[str, str]]:
    found = read_services(text, ServiceTarget, environment)[1]
    assert all(fault.line for fault in found)
    return [(fault.path, fault.message) for fault in found]


def test_a_table_is_a_service_with_its_secret_from_the_environment() -> None:
    services, found = read_services(TABLE, ServiceTarget, {"BANK_SECRET": "s3cret"})
    assert found == []
    assert (services["rates"].client_secret, services["rates"].timeout_ms) == ("s3cret", 2000)
    assert "s3cret" not in repr(services)
    assert read_backends(TABLE, Path(), {}) == ({}, [])


def test_a_secret_that_is_not_set_is_said_by_the_name_of_its_variable() -> None:
    assert faults(TABLE) == [("services.rates.client_secret", "the environment has no variable BANK_SECRET")]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("https://api", "http://api", "services.rates.url: begins with https://"),
        (
            "https://api.bank.example/v1",
            "https://a:hunter2@bank.example",
            "services.rates.url: holds a user or password",
        ),
        ("https://api.bank.example/v1", "https://bank.example/?key=hunter2", "services.rates.url: has a query"),
        ("https://login", "http://login", "services.rates.token_url: begins with https://"),
        ('client_id = "hub"', "", "services.rates.client_id: is needed for auth = client_secret_basic"),
        ('"client_secret_basic"', '"basic"', "services.rates.token_url: is not used with auth = basic"),
        ('"client_secret_basic"', '"magic"', "services.rates.auth: "),
        ("timeout_ms = 2000", 'resource = "hunter2"', "services.rates.resource: is no absolute URL"),
        ("timeout_ms = 2000", 'resource = "https://bank.example/#hunter2"', "services.rates.resource: is no absolute"),
        ("timeout_ms = 2000", 'resource = "https://hunter2 .example"', "services.rates.resource: is no absolute"),
        ("timeout_ms = 2000", 'resource = "https://[hunter2"', "services.rates.resource: is no absolute"),
        ("timeout_ms = 2000", "timeout_ms = 500", "services.rates.connect_timeout_ms: is longer than timeout_ms"),
        ("timeout_ms = 2000", "timeout = 5", "services.rates.timeout: unknown field; a service has "),
        ("timeout_ms = 2000", 'key_file = "hunter2"', "services.rates.key_file: certificate_file and key_file belong"),
        ("timeout_ms = 2000", 'headers = {Host = "hunter2"}', "services.rates.headers.Host: is set by Clausegate"),
        ("timeout_ms = 2000", 'headers = {Authorization = "hunter2"}', "services.rates.headers: names Authorization"),
    ],
)
def test_mistakes_are_named_by_place_and_never_by_value(before: str, after: str, said: str) -> None:
    assert before in TABLE
    found = faults(TABLE.replace(before, after), BANK_SECRET="hunter2")
    assert any(f"{path}: {message}".startswith(said) for path, message in found), found
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("resource", ["https://api.bank.example", "https://api.bank.example/v1?a=1", "urn:bank:rates"])
def test_what_a_token_is_for_is_any_absolute_url_and_no_use_without_a_token(resource: str) -> None:
    said = f'resource = "{resource}"'
    assert faults(TABLE.replace("timeout_ms = 2000", said), BANK_SECRET="s") == []
    plain = f'[services.rates]\nurl = "https://api.bank.example"\n{said}\n'
    assert faults(plain) == [("services.rates.resource", "is not used with auth = none")]


@pytest.mark.parametrize("text", ["services = 3", "[services]\nrates = 3"])
def test_what_is_no_table_is_said_to_be_none(text: str) -> None:
    found = read_services(text, ServiceTarget, {})[1]
    assert "is no table" in found[0].message


async def test_both_sides_show_their_certificates_or_nothing_is_sent(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, partners = authority.issue("hub"), authority.issue("partner")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    tls.load_cert_chain(partners["certificate_file"], partners["key_file"])
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 a refused certificate shows only after the request
    async with listening(tls) as api:
        api.usual["/quotes"] = says({"price": "1.00"})
        url = f"https://127.0.0.1:{api.port}"

        async def outcome(**settings: str) -> Answered | Failed:
            connection = Connection(ServiceTarget(url=url, **settings))  # type: ignore[arg-type]
            try:
                return (await connection.call(SENDING)).outcome
            finally:
                await connection.close()

        assert isinstance(await outcome(ca_file=str(authority.file), **own), Answered)
        assert len(api.got) == 1
        assert await outcome(ca_file=str(authority.file)) == Failed("unreachable")
        assert await outcome(**own) == Failed("unreachable")
        assert len(api.got) == 1
