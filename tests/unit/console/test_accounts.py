"""The console with the accounts and the throttle that a gateway gives it."""

from pathlib import Path

import httpx
import msgspec
from argon2 import PasswordHasher

from gateway.console.wiring import Console
from gateway.store.accounts import Account, Accounts
from gateway.store.hidden import Hidden
from gateway.store.sessions import KeptSessions
from gateway.store.store import Store
from gateway.throttle import Throttle, ThrottleRules
from tests.unit.console.house import PASSWORD, form_token, house
from tests.unit.sla.hub import plans_of
from tests.unit.store.ready_file import ready_file


async def test_a_stored_account_logs_in_and_guessing_is_slowed_down(tmp_path: Path) -> None:
    store = await Store.open(ready_file(tmp_path))
    accounts = Accounts(store, hasher=PasswordHasher(time_cost=1, memory_cost=1024))
    assert isinstance(await accounts.create("wang", PASSWORD, "legal", "zh"), Account)
    throttle = Throttle(Hidden(b"k" * 32), ThrottleRules(login="3/hour"))

    def real(console: Console) -> Console:
        kept = KeptSessions(store)
        return msgspec.structs.replace(console, accounts=accounts, sessions=kept, allow_login=throttle.allow_login)

    app = house(plans_of(), wrap=real).app
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # the framework's own types of the same thing
    async with httpx.AsyncClient(transport=transport, base_url="http://console.test") as client:
        page = await client.get("/console/login")
        form = {"form_token": form_token(page.text), "username": "wang"}
        wrong = await client.post("/console/login", data=form | {"password": "wrong"})
        right = await client.post("/console/login", data=form | {"password": PASSWORD})
        assert (wrong.status_code, right.status_code) == (401, 303)
        assert "生态总览" in (await client.get("/console/")).text, "in the account's language"
        client.cookies.clear()
        form["form_token"] = form_token((await client.get("/console/login")).text)
        statuses = [(await client.post("/console/login", data=form | {"password": "wrong"})).status_code for _ in "12"]
        assert statuses == [401, 429]
    await store.close()
