"""Certificates and keys of a service that were replaced in place are taken over, and those that are no good are not."""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.outbound.connection import Answered, Failed
from gateway.outbound.services import Connections
from gateway.outbound.target import ServiceTarget
from tests.unit.outbound.authority import Authority
from tests.unit.outbound.strict_partner import Known, StrictPartner, strict, thumbprint
from tests.unit.outbound.test_tokens_credentials import SENDING, demanding, der


class Calling:
    """A service that knows the hub by its certificate in hub.pem, and the connection to it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority = folder, Authority(folder)
        self.files = self.authority.issue("hub")
        self.connections: Connections
        self.partner: StrictPartner

    @property
    def certificate(self) -> bytes:
        return der(self.files["certificate_file"])

    async def outcome(self) -> str | Failed:
        """Which certificate a call showed, and its token with it."""
        connection = self.connections.of("rates")
        assert connection is not None
        outcome = (await connection.call(SENDING)).outcome
        if isinstance(outcome, Failed):
            return outcome
        assert isinstance(outcome, Answered)
        return outcome.body.decode().split('"thumbprint": "')[1][:43]

    async def look(self, times: int = 2) -> list[str]:
        """The levels of what was said."""
        with capture_logs() as lines:
            for _ in range(times):
                await self.connections.follow()
        assert str(self.folder) not in str(lines)
        return [line["log_level"] for line in lines]


@asynccontextmanager
async def calling(folder: Path) -> AsyncIterator[Calling]:
    stage = Calling(folder)
    async with strict(
        Known(certificate=stage.certificate), demanding(stage.authority, str(stage.authority.file))
    ) as partner:
        at = f"https://127.0.0.1:{partner.port}"
        target = ServiceTarget(
            url=at,
            token_url=f"{at}/token",
            auth="tls_client_auth",
            client_id="hub",
            ca_file=str(stage.authority.file),
            **stage.files,  # type: ignore[arg-type]
        )
        stage.partner, stage.connections = partner, Connections(lambda: {"rates": target}, time.monotonic_ns)
        try:
            yield stage
        finally:
            await stage.connections.close()


async def test_a_certificate_that_was_replaced_with_its_key_is_shown_and_gets_a_token_of_its_own(
    tmp_path: Path,
) -> None:
    async with calling(tmp_path) as stage:
        assert await stage.outcome() == thumbprint(stage.certificate)
        before = stage.connections.of("rates")
        assert await stage.look() == []
        stage.authority.issue("hub")
        stage.partner.known = Known(certificate=stage.certificate)
        assert await stage.look(1) == []
        assert await stage.look(2) == ["info"]
        assert await stage.outcome() == thumbprint(stage.certificate)
        assert (stage.partner.refused, len(stage.partner.given)) == ([], 2)
        after = stage.connections.of("rates")
        assert before is not None
        assert after is not None
        assert after.breaker is before.breaker  # it is the same partner


@pytest.mark.parametrize("broken", ["certificate_file", "key_file", "ca_file"])
async def test_files_that_cannot_be_used_are_said_once_and_those_before_go_on(tmp_path: Path, broken: str) -> None:
    async with calling(tmp_path) as stage:
        shown = await stage.outcome()
        if broken == "ca_file":
            stage.authority.file.write_text("canary")
        else:
            shutil.copyfile(stage.authority.issue("other")[broken], stage.files[broken])
        assert await stage.look(4) == ["error"]
        assert await stage.outcome() == shown
