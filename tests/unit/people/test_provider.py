"""Settings of the identity provider that cannot work are refused by name; without one, nothing is opened."""

from typing import Any

import pytest

from gateway.people.provider import provider_settings
from gateway.settings import Settings

GOOD: dict[str, Any] = {
    "oidc_issuer": "https://login.hengtai.example",
    "oidc_client_id": "clausegate",
    "oidc_client_secret": "s3cret",
    "oidc_roles": ("sre=ops",),
}


def test_what_is_registered_there_is_the_callback_of_the_console() -> None:
    found = provider_settings(Settings(**GOOD), "https://gate.hengtai.example/")
    assert found is not None
    assert found.redirect_uri == "https://gate.hengtai.example/console/oidc/callback"
    assert "s3cret" not in repr(found)


def test_without_a_provider_there_are_local_accounts_alone() -> None:
    assert provider_settings(Settings(), "http://127.0.0.1:8080") is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"oidc_issuer": "http://login.hengtai.example"}, "oidc_issuer"),
        ({"oidc_client_id": ""}, "oidc_client_id"),
        ({"oidc_roles": ()}, "oidc_roles"),
        ({"oidc_issuer": "", "local_login": "off"}, "local_login"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        provider_settings(Settings(**GOOD | change), "https://gate.hengtai.example")
