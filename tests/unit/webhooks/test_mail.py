"""E-mail against a real SMTP server: TLS and a login where they are set, no header injected, retried by the outbox."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.webhooks.letter import Letter, address_fault, fault_of
from gateway.webhooks.mail import Mailer, mail_server
from gateway.webhooks.sending import Attempt
from tests.unit.webhooks.outbox import SECOND_US, START_US, staged
from tests.unit.webhooks.receiver import certified

LETTER = Letter("ops@hub.example", "可用性告警 availability", "Budget used up:\n.\nSee /alerts\n")


class Inbox:
    """Keeps what arrives; `answer` is the SMTP reply to a message."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []
        self.answer = "250 taken"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - as aiosmtpd says
        if self.answer.startswith("250"):
            self.got.append(envelope)
        return self.answer

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd says
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 here"


def authenticate(server: SMTP, session: Any, envelope: Any, mechanism: str, auth: Any) -> AuthResult:
    """Takes one login."""
    return AuthResult(success=auth == LoginPassword(b"clausegate", b"s3cret/"), handled=False)


@asynccontextmanager
async def listening(inbox: Inbox, **options: Any) -> AsyncIterator[int]:
    """A mail server on loopback; its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(inbox, **options), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def mailer(url: str, tls: ssl.SSLContext | None = None, attempt_s: float = 10.0) -> Mailer:
    return Mailer(mail_server(url), "gateway@hub.example", tls=tls, attempt_s=attempt_s)


async def test_a_letter_arrives_as_it_was_written() -> None:
    inbox = Inbox()
    async with listening(inbox) as port:
        attempt = await mailer(f"smtp+plain://127.0.0.1:{port}").send(LETTER, "msg_1", START_US)
    assert attempt == Attempt(250)
    (envelope,) = inbox.got
    assert (envelope.mail_from, envelope.rcpt_tos) == ("gateway@hub.example", ["ops@hub.example"])
    assert isinstance(envelope.content, bytes)
    letter = message_from_bytes(envelope.content)
    assert letter["Message-ID"] == "<msg_1@hub.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    body = letter.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().replace("\r\n", "\n") == LETTER.text


async def test_starttls_is_demanded_and_the_login_goes_through_it(tmp_path: Path) -> None:
    inbox, (server, trusting) = Inbox(), certified(tmp_path, "localhost")
    options = {"tls_context": server, "authenticator": authenticate, "auth_required": True}
    async with listening(inbox, **options) as port:
        url = f"smtp://clausegate:s3cret%2F@localhost:{port}"
        assert await mailer(url, trusting).send(LETTER, "msg_1", START_US) == Attempt(250)
        wrong = url.replace("s3cret", "wrong")
        assert (await mailer(wrong, trusting).send(LETTER, "msg_2", START_US)).fault == "login"
        assert (await mailer(url).send(LETTER, "msg_3", START_US)).fault == "unreachable", "an unknown certificate"
    async with listening(inbox) as port:
        attempt = await mailer(f"smtp://localhost:{port}", trusting).send(LETTER, "msg_4", START_US)
        assert attempt.fault == "unreachable", "a server without STARTTLS"
    assert len(inbox.got) == 1


@pytest.mark.parametrize(
    ("answer", "recipient", "expected"),
    [
        ("451 later", "ops@hub.example", Attempt(451, "refused")),
        ("554 never", "ops@hub.example", Attempt(554, "refused", permanent=True)),
        ("250 taken", "nobody@hub.example", Attempt(550, "refused", permanent=True)),
    ],
)
async def test_what_the_server_says_decides_whether_it_is_tried_again(
    answer: str, recipient: str, expected: Attempt
) -> None:
    inbox = Inbox()
    inbox.answer = answer
    async with listening(inbox) as port:
        letter = Letter(recipient, "a", "b")
        assert await mailer(f"smtp+plain://127.0.0.1:{port}").send(letter, "msg_1", START_US) == expected


async def test_nobody_there_is_a_failure_that_is_tried_again() -> None:
    assert await mailer("smtp+plain://127.0.0.1:9").send(LETTER, "msg_1", START_US) == Attempt(fault="unreachable")


async def test_e_mail_goes_by_the_same_outbox_and_is_tried_again(tmp_path: Path) -> None:
    inbox = Inbox()
    inbox.answer = "451 later"
    async with listening(inbox) as port, staged(tmp_path) as stage:
        worker = stage.worker(mailer=mailer(f"smtp+plain://127.0.0.1:{port}"))
        await stage.outbox.mail(LETTER.recipient, LETTER.subject, LETTER.text)
        for answer in ("451 later", "250 taken"):
            inbox.answer = answer
            await worker.step()
            await worker.settled()
            stage.now_us += 5 * SECOND_US
        assert await stage.states("") == [("delivered", 2, "")]
        await worker.close()
    assert len(inbox.got) == 1


async def test_without_a_mail_server_a_letter_waits(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        worker = stage.worker()
        await stage.outbox.mail(LETTER.recipient, LETTER.subject, LETTER.text)
        await worker.step()
        await worker.settled()
        assert await stage.states("") == [("pending", 1, "no-mail-server")]
        await worker.close()


@pytest.mark.parametrize(
    "letter",
    [
        Letter("ops@hub.example", "a\r\nBcc: everybody@example.com", "b"),
        Letter("ops@hub.example", "a\u2028b", "b"),
        Letter("ops@hub.example\r\nRCPT TO:<x@y>", "a", "b"),
        Letter("ops@hub.example,other@hub.example", "a", "b"),
        Letter("Ops <ops@hub.example>", "a", "b"),
        Letter("ops", "a", "b"),
        Letter("ops@hub.example", " ", "b"),
        Letter("ops@hub.example", "a", "b\x00"),
        Letter("ops@hub.example", "a" * 201, "b"),
        Letter("ops@hub.example", "a", "b" * 20_001),
    ],
)
async def test_what_could_become_another_header_or_recipient_is_refused_before_it_is_kept(
    letter: Letter, tmp_path: Path
) -> None:
    assert fault_of(letter) is not None
    async with staged(tmp_path) as stage:
        with pytest.raises(ValueError, match=r"subject|address|text"):
            await stage.outbox.mail(letter.recipient, letter.subject, letter.text)
        assert await stage.deliveries.latest(1) == ()
    assert (await mailer("smtp+plain://127.0.0.1:9").send(letter, "msg_1", START_US)).permanent


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_no_text_is_an_address_with_anything_beside_it(text: str) -> None:
    if address_fault(f"ops@hub.example{text}") is None:
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://hub.example", "smtps://"),
        ("smtp://", "a host"),
        ("smtp://user:word@hub.example/path", "nothing more"),
        ("smtp://user@hub.example", "a user and a password"),
        ("smtp+plain://user:word@hub.example", "without TLS"),
        ("smtp://hub.example:port", "no URL"),
    ],
)
def test_a_setting_with_a_mistake_is_refused_and_not_repeated(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        mail_server(url)
    assert "word" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize(("scheme", "port"), [("smtps", 465), ("smtp", 587), ("smtp+plain", 25)])
def test_without_a_port_it_is_that_of_the_scheme(scheme: str, port: int) -> None:
    assert mail_server(f"{scheme}://mail.example").port == port
