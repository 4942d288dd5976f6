"""The server under test, started once for what one process runs of this folder."""

import time
from collections.abc import Callable, Iterator
from itertools import count

import httpx
import pytest

from tests.conformance.bank import Bank, Constraint, Method, bank
from tests.conformance.program import Program

PATIENCE_S = 60
Programs = Callable[[Method, Constraint], tuple[Program, Program]]


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """The gateway."""
    with bank(tmp_path_factory.mktemp("conformance")) as made:
        yield made


@pytest.fixture(scope="package")
def programs(served: Bank) -> Iterator[Programs]:
    """The programs of a variant's first and second client."""
    source = (f"198.51.100.{number}" for number in count(1))
    made = {
        variant: (Program(served, first, next(source)), Program(served, second, next(source)))
        for variant, (first, second) in served.clients.items()
    }
    every = [program for pair in made.values() for program in pair]
    for program in every:
        _gets_through(program)
    yield lambda method, constraint: made[method, constraint]
    for program in every:
        program.close()


def _gets_through(program: Program) -> None:
    """A gateway takes up certificates that clients registered within a second."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            program.connection().get("/healthz")
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the handshake never succeeds"
            time.sleep(0.05)
