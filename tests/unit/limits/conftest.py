"""A real Valkey for the tests of this folder that ask for one: one for all of them, emptied for each."""

from collections.abc import Iterator

import pytest

from tests.flows.valkey import Valkey


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with Valkey() as running:
        yield running


@pytest.fixture
def valkey(server: Valkey) -> Valkey:
    server.command("FLUSHALL")
    return server
