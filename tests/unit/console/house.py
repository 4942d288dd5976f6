"""A console over the small hub, with accounts and counters that are real and small."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from html.parser import HTMLParser
from typing import Any, TypeVar

from litestar import Litestar
from litestar.testing import TestClient
from msgspec import Struct
from msgspec.structs import replace

from contracts.plan import Contract, Plan, Plans
from gateway.authority_record import AuthorityError
from gateway.console.routes import console_routes
from gateway.console.wiring import Console
from gateway.credentials.shown import Looked
from gateway.limits.charging import counter
from gateway.people.sign_offs import SignOff
from gateway.portal.routes import ClientsOf, portal_routes
from gateway.sla.tally import Tally
from gateway.store.faults import StoreError
from gateway.store.sessions import KeptSession
from policies.counters import Counters
from policies.limit import Charge, Moment
from policies.reference import Language
from tests.unit.sla.hub import NOON_S, exchange, plan_of, plans_of

T = TypeVar("T")
PASSWORD = "correct horse battery"


class Person(Struct, frozen=True):
    username: str
    role: str
    language: Language
    partner: str = ""


class People:
    """Accounts in a dictionary: password by person. A code that is asked for is in `codes`."""

    def __init__(self, **passwords: str) -> None:
        self.people = {
            name: (Person(name, "ops", "zh" if name == "li" else "en"), word) for name, word in passwords.items()
        }
        self.codes: dict[str, str] = {}

    def seat(self, username: str, role: str, partner: str = "") -> None:
        """Give a person another role."""
        person, password = self.people[username]
        self.people[username] = (replace(person, role=role, partner=partner), password)

    async def check(self, username: str, password: str, code: str = "") -> Person | None:
        person, right = self.people.get(username, (None, ""))
        return person if person is not None and password == right and code == self.codes.get(username, "") else None


class Logins:
    """Sessions in a dictionary, for as many consoles as there are. `fails` makes it a store that cannot be used."""

    def __init__(self, people: People) -> None:
        self._people = people
        self.kept: dict[bytes, KeptSession] = {}
        self.fails = False
        self.reads = self.writes = 0

    async def add(self, key: bytes, username: str, now_us: int) -> bool:
        self._write()
        if username not in self._people.people:
            return False
        person, _ = self._people.people[username]
        self.kept[key] = KeptSession(
            key=key,
            username=username,
            role=person.role,  # type: ignore[arg-type]
            language=person.language,
            begun_us=now_us,
            used_us=now_us,
            partner=person.partner,
        )
        return True

    async def find(self, key: bytes) -> KeptSession | None:
        self._answer()
        self.reads += 1
        kept = self.kept.get(key)
        if kept is None or kept.username not in self._people.people:
            return None
        person, _ = self._people.people[kept.username]
        return replace(kept, role=person.role, partner=person.partner)

    async def use(self, key: bytes, now_us: int) -> bool:
        self._write()
        if key not in self.kept:
            return False
        self.kept[key] = replace(self.kept[key], used_us=max(now_us, self.kept[key].used_us))
        return True

    async def end(self, key: bytes) -> None:
        self._write()
        self.kept.pop(key, None)

    async def sweep(self, *, begun_until_us: int, used_until_us: int, kept_max: int) -> None:
        self._write()
        young = [one for one in self.kept.values() if one.begun_us > begun_until_us and one.used_us > used_until_us]
        young.sort(key=lambda one: one.used_us, reverse=True)
        self.kept = {one.key: one for one in young[:kept_max]}

    def _write(self) -> None:
        self._answer()
        self.writes += 1

    def _answer(self) -> None:
        if self.fails:
            raise StoreError("unreachable", "db.example/clausegate", "the database does not answer")


class Approvals:
    """Sign-offs in a dictionary: who, by contract hash. `fails` makes it a log that cannot be written."""

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self.signed: dict[str, tuple[SignOff, ...]] = {}
        self.fails = False

    async def given(self, contracts: Iterable[Contract]) -> Mapping[str, tuple[SignOff, ...]]:
        return {contract.hash: self.signed.get(contract.hash, ()) for contract in contracts}

    async def sign(self, contract: Contract, username: str) -> None:
        if self.fails:
            raise AuthorityError("the record cannot be written: disk-full")
        one = SignOff(username, int(self._clock() * 1_000_000))
        self.signed[contract.hash] = (*self.signed.get(contract.hash, ()), one)

    def by(self) -> list[str]:
        """Everybody who has signed, by contract hash."""
        return [one.username for given in self.signed.values() for one in given]


class Door:
    """Lets in `allowed` logins, then asks for a minute of patience."""

    def __init__(self, allowed: int = 100) -> None:
        self.allowed = allowed
        self.asked: list[tuple[str, str]] = []

    async def allow(self, username: str, source: str) -> int | None:
        self.asked.append((username, source))
        return None if len(self.asked) <= self.allowed else 60


class Clock:
    """A time that tests move."""

    def __init__(self, now_s: float = NOON_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def moment(self) -> Moment:
        return Moment(int(self.now_s * 1_000_000), int(self.now_s * 1_000_000_000))


class House(Struct):
    """A console with everything that a test may want to look at."""

    plans: Plans
    tally: Tally
    counters: Counters
    clock: Clock
    door: Door
    people: People
    logins: Logins
    approvals: Approvals
    app: Litestar


async def no_clients(_: str) -> tuple[Looked, ...]:
    """No partner has any."""
    return ()


def house(
    plans: Plans | None = None,
    *,
    allowed: int = 100,
    wrap: Callable[[Console], Console] | None = None,
    clients: ClientsOf | None = None,
) -> House:
    """Build it, the portal beside it. Nothing has been counted yet."""
    plans = plans or plans_of()
    clock, door, people = Clock(), Door(allowed), People(ops=PASSWORD, li=PASSWORD)
    logins, approvals = Logins(people), Approvals(clock)
    counters = Counters()
    console = Console(
        plans=lambda: plans,
        tally=Tally(plans),
        counters=counters,
        accounts=people,
        sessions=logins,
        sign_offs=approvals,
        allow_login=door.allow,
        now=clock,
        monotonic_ns=lambda: clock.moment().monotonic_ns,
    )
    console = wrap(console) if wrap else console
    handlers = [*console_routes(console), *portal_routes(console, clients or no_clients)]
    app = Litestar(route_handlers=handlers, openapi_config=None, logging_config=None)
    return House(plans, console.tally, counters, clock, door, people, logins, approvals, app)


def busy(built: House) -> House:
    """Two days of traffic: good, failed, slow and refused calls, and a partner that never called."""
    swift, bank = plan_of(built.plans), plan_of(built.plans, "harbor-bank")
    for index in range(1_400):
        built.tally.add(exchange(swift, NOON_S - 2 * 86_400 + index * 120))
    for index in range(23):
        built.tally.add(exchange(swift, NOON_S - 3_600 + index, status=502))
    for index in range(57):
        built.tally.add(exchange(swift, NOON_S - 1_800 + index, status=429, clause="4.1"))
    built.tally.add(exchange(swift, NOON_S - 900, status=403, clause="2.1"))
    for index in range(380):
        slow = index % 12 == 0
        built.tally.add(exchange(bank, NOON_S - 2 * 86_400 + index * 450, latency_us=2_000_000 if slow else 9_000))
    call(built, swift, 41)
    return built


def call(built: House, plan: Plan, times: int, client: str = "app") -> None:
    """Count calls against a plan's limits, as many of them as fit."""
    charges = [Charge(counter(limit, client), limit, limit.cost) for limit in plan.limits]
    for _ in range(times):
        at_once(built.counters.decide(charges, built.clock.moment()))


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine that never suspends comes to; a test that is no coroutine may ask for it."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise AssertionError("it suspended")


def enter(
    client: TestClient[Any], username: str = "ops", password: str = PASSWORD, *, site: str = "console", **fields: str
) -> Any:
    """Log in through the form; the answer to it."""
    token = form_token(client.get(f"/{site}/login").text)
    form = {"form_token": token, "username": username, "password": password} | fields
    return client.post(f"/{site}/login", data=form, follow_redirects=False)


def form_token(page: str) -> str:
    """The token of a page's first form."""
    found = Page(page).inputs.get("form_token")
    assert found, "the page has no form token"
    return found


class Page(HTMLParser):
    """What a test reads of a page: hidden inputs, tags, and the text of each row with a data attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inputs: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: dict[str, str] = {}
        self._row: str | None = None
        self._row_tag = ""
        self._depth = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.append((tag, said))
        if tag == "input" and said.get("type") == "hidden":
            self.inputs.setdefault(str(said.get("name")), str(said.get("value")))
        key = said.get("data-partner") or said.get("data-clause")
        if key:
            self._row, self._row_tag, self._depth = key, tag, 0
            self.rows[key] = ""
        elif self._row and tag == self._row_tag:
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        if self._row and tag == self._row_tag:
            if self._depth:
                self._depth -= 1
            else:
                self._row = None

    def handle_data(self, data: str) -> None:
        if self._row:
            self.rows[self._row] = " ".join(f"{self.rows[self._row]} {data}".split())
