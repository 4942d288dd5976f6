"""An alert reaches people: a signed webhook and an e-mail, by the real outbox, over real sockets, and once."""

import json
import time
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from gateway.alerts.alerting import Alerting, Outlets, Sources
from gateway.alerts.rules import Alerts, parse_alerts
from gateway.audit.writer import Writer
from gateway.webhooks.delivering import Delivering
from gateway.webhooks.mail import Mailer, mail_server
from tests.unit.alerts.traffic import AVAILABILITY, Traffic
from tests.unit.audit.doubles import BRIEF
from tests.unit.sla.hub import plans_of
from tests.unit.webhooks.outbox import SECOND_US, Stage, staged
from tests.unit.webhooks.receiver import receiving
from tests.unit.webhooks.test_mail import Inbox, listening

PLANS = plans_of()
MINUTE_US = 60 * SECOND_US
RULES = parse_alerts("email = ['ops@hub.example']\n[[rules]]\nname = 'fast'\nclauses = ['5.1']\nseverity = 'page'\n")


class Watching:
    """Alerting over a real log and a real outbox; what was counted is set by the test."""

    def __init__(self, stage: Stage, writer: Writer) -> None:
        assert isinstance(RULES, Alerts)
        rules: Alerts = RULES
        self.traffic: dict[str, Traffic] = {}
        outlets = Outlets(stage.outbox.notify, stage.outbox.mail)
        sources = Sources(lambda: PLANS, self, lambda: rules)
        self.alerting = Alerting(stage.store, writer, sources, outlets, lambda: stage.now_us)

    def of(self, contract: object) -> Traffic:
        return self.traffic.get(getattr(contract, "agreement", ""), Traffic())


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Now is now: who verifies a webhook looks at a clock."""
    async with staged(tmp_path) as made:
        made.now_us = time.time_ns() // 1000
        yield made


async def _delivered(worker: Delivering) -> None:
    await worker.step()
    await worker.settled()


async def test_a_promise_that_burns_is_told_signed_and_mailed_once_and_its_end_too(
    stage: Stage, tmp_path: Path
) -> None:
    writer = Writer.open(tmp_path / "log", "gw-1", options=BRIEF)
    assert isinstance(writer, Writer)
    inbox = Inbox()
    async with receiving() as receiver, listening(inbox) as port:
        mailer = Mailer(mail_server(f"smtp+plain://127.0.0.1:{port}"), "clausegate@hub.example")
        worker, watching = stage.worker(mailer=mailer), Watching(stage, writer)
        await stage.endpoint("w-hub", receiver.url, partner="")
        traffic = watching.traffic[AVAILABILITY[0]] = Traffic().add(range(30), 100, 50, stage.now_us)
        for _ in range(2):  # the second look finds what is known already
            await watching.alerting.step()
            await _delivered(worker)
        (received,) = receiver.received
        (letter,) = inbox.got
        stage.now_us += 10 * MINUTE_US
        traffic.add(range(10), 100, 0, stage.now_us)
        await watching.alerting.step()
        await _delivered(worker)
        await worker.close()
    writer.close()
    said = Webhook(stage.secrets["w-hub"].reveal()).verify(received.body, received.headers)
    assert (said["type"], said["data"]["clause"], said["data"]["rule"]) == ("alert.raised", "5.1", "fast")
    mail = message_from_bytes(letter.content, policy=default)  # type: ignore[arg-type]  # bytes, as it was sent
    assert (mail["to"], mail["from"]) == ("ops@hub.example", "clausegate@hub.example")
    assert AVAILABILITY[0] in mail["subject"]
    assert [json.loads(each.body)["type"] for each in receiver.received] == ["alert.raised", "alert.resolved"]
    assert len(inbox.got) == 2
