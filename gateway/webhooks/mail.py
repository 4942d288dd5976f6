"""E-mail over SMTP (RFC 5321, with STARTTLS of RFC 3207), for alerts: plain text to one recipient."""

import asyncio
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from ssl import SSLContext
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
from msgspec import Struct

from gateway.store.hidden import Hidden
from gateway.webhooks.letter import Letter, fault_of
from gateway.webhooks.sending import ATTEMPT_S, Attempt

_PORTS: Final = {"smtps": 465, "smtp": 587, "smtp+plain": 25}


class MailServer(Struct, frozen=True):
    """The setting `smtp_url`. `smtps` begins with TLS, `smtp` demands STARTTLS, `smtp+plain` has none and no login."""

    scheme: str
    host: str
    port: int
    username: str | None
    password: Hidden[str] | None


def mail_server(url: str) -> MailServer:
    """Read `smtps://user:password@host:465`, `smtp://host` or `smtp+plain://127.0.0.1:25`. Raises ValueError, whose
    text repeats nothing of the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("this is no URL") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("expected smtps://, smtp:// or smtp+plain:// and a host")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("behind the host and its port there is nothing more")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("a login is a user and a password")
    if parts.username is not None and parts.scheme == "smtp+plain":
        raise ValueError("a password is not sent without TLS: use smtps:// or smtp://")
    password = None if parts.password is None else Hidden(unquote(parts.password))
    username = None if parts.username is None else unquote(parts.username)
    return MailServer(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], username, password)


class Mailer:
    """Sends letters from one address through one server."""

    def __init__(
        self, server: MailServer, sender: str, *, tls: SSLContext | None = None, attempt_s: float = ATTEMPT_S
    ) -> None:
        self._server, self._sender, self._tls, self._attempt_s = server, sender, tls, attempt_s

    async def send(self, letter: Letter, message: str, now_us: int) -> Attempt:
        """Send it; `message` is its id, the same for each attempt, so that a letter that came twice shows as one."""
        if fault_of(letter) is not None:
            return Attempt(fault="letter", permanent=True)
        try:
            async with asyncio.timeout(self._attempt_s):  # that of the library is for each of its steps
                await self._hand_over(letter, self._composed(letter, message, now_us))
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused(error.recipients[0].code)
        except (aiosmtplib.SMTPTimeoutError, TimeoutError):
            return Attempt(fault="timeout")
        except aiosmtplib.SMTPAuthenticationError as error:
            return Attempt(error.code, "login")  # the operator's mistake, not the letter's: it is tried again
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code)
        except (aiosmtplib.SMTPException, OSError):
            return Attempt(fault="unreachable")
        return Attempt(250)

    async def _hand_over(self, letter: Letter, composed: EmailMessage) -> None:
        server = self._server
        await aiosmtplib.send(
            composed,
            sender=self._sender,
            recipients=[letter.recipient],
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=None if server.password is None else server.password.reveal(),
            use_tls=server.scheme == "smtps",
            start_tls=server.scheme == "smtp",
            timeout=self._attempt_s,
            tls_context=self._tls if server.scheme != "smtp+plain" else None,
        )

    def _composed(self, letter: Letter, message: str, now_us: int) -> EmailMessage:
        composed = EmailMessage(policy=SMTP)
        composed["From"], composed["To"], composed["Subject"] = self._sender, letter.recipient, letter.subject
        composed["Date"] = formatdate(now_us / 1_000_000)
        composed["Message-ID"] = f"<{message}@{self._sender.rpartition('@')[2]}>"
        composed["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office notice answers it
        composed.set_content(letter.text)
        return composed


def _refused(code: int) -> Attempt:
    """RFC 5321 section 4.2.1: 5yz is for good, 4yz for now."""
    return Attempt(code, "refused", permanent=code >= 500)
