"""A log that a real sequencer has put into trees, for every test that looks at it."""

import pytest

from tests.unit.tlog.sequenced import TREE, Log, entries_of, files_in, some_log

SIZE = 600


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return some_log(tmp_path_factory.mktemp("sequenced") / "log")


@pytest.fixture(scope="module")
def files(log: Log) -> dict[str, bytes]:
    """What the sequencer published."""
    return files_in(log.folder / "tree")


@pytest.fixture(scope="module")
def entries(files: dict[str, bytes]) -> list[bytes]:
    """The partner's records, in its tree's order."""
    return entries_of(files, TREE, SIZE)
