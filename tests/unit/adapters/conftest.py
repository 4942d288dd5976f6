"""What the tests of adapters share: a PostgreSQL for the session."""

import os
from collections.abc import Iterator

import pytest

from tests.flows.postgres import PostgresUnavailable, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a running PostgreSQL; tests are skipped where none can be started, but for continuous integration."""
    try:
        with running_postgres() as url:
            yield url
    except PostgresUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
