"""Guards for tests that are about something else: a function of the Authorization header says who is calling."""

from collections.abc import Callable

from msgspec.structs import replace

from gateway.exchange.identify import Verify
from gateway.oauth.grant import Admitted, Grant, Presented, Rejected


def judged_by(verify: Callable[[bytes | None, float], Grant | Rejected]) -> Verify:
    """Admits whom `verify` knows, bound to nothing; a refusal without headers gets the plain challenge for Bearer."""

    async def judge(shown: Presented, now_s: float) -> Admitted | Rejected:
        found = verify(shown.authorization, now_s)
        if isinstance(found, Grant):
            return Admitted(found)
        challenge = b"Bearer" + (f' error="{found.error}"'.encode() if found.error else b"")
        return found if found.headers else replace(found, headers=((b"www-authenticate", challenge),))

    return judge
