"""A URL of Redis becomes a storage's: with its login, without its login in sight."""

import pytest

from gateway.throttle_storage import TIMEOUT_S, storage_of


@pytest.mark.parametrize(
    ("url", "uri", "options"),
    [
        ("redis://127.0.0.1", "redis://127.0.0.1:6379", {}),
        ("redis://u:p%40@[2001:db8::1]:7000/3", "redis://[2001:db8::1]:7000", {"username": "u", "password": "p@"}),
        ("rediss://redis.example/", "rediss://redis.example:6379", {}),
        ("unix://:p@/run/a%20b.sock", "redis+unix:///run/a%20b.sock", {"password": "p"}),
        ("redis+cluster://:p@one,two:7001", "redis+cluster://one:6379,two:7001", {"password": "p"}),
        ("rediss+cluster://one", "redis+cluster://one:6379", {"ssl": True}),
        ("redis+sentinel://:p@one,two:7/main/2", "redis+sentinel://one:26379,two:7/main", {"password": "p", "db": 2}),
    ],
)
def test_each_form_of_the_setting_has_its_storage(url: str, uri: str, options: dict[str, object]) -> None:
    found, given = storage_of(url)
    assert found == uri
    assert {name: given.get(name) for name in options} == options
    assert (given["socket_timeout"], given["socket_connect_timeout"]) == (TIMEOUT_S, TIMEOUT_S)
    assert "p@" not in found


def test_sentinels_are_not_shown_the_password_of_the_servers_they_watch() -> None:
    _, options = storage_of("rediss+sentinel://u:p@one/main?sentinel_password=s")
    assert options["password"] == "p"
    sentinel = options["sentinel_kwargs"]
    assert (sentinel["username"], sentinel["password"], sentinel["ssl"]) == (None, "s", True)
    assert options["use_replicas"] is False


def test_a_url_that_cannot_be_used_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ValueError, match="scheme") as raised:
        storage_of("http://u:canary@host")
    assert "canary" not in str(raised.value)
