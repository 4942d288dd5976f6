"""A made-up quarter of three partners: their contracts, and what happens at which known places."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from gateway.workspace import Workspace, load_workspace

MINUTE_S: Final = 60
POLICY_FILE: Final = Path(__file__).with_name("quarter_policy.yaml")

PRODUCT = """
apiVersion: v3.1.0
kind: DataContract
id: urn:bench:product:shipments
name: shipments
version: 1.0.0
status: active
customProperties: [{property: backend, value: records}]
schema:
  - name: shipments
    logicalType: object
    properties:
      - {name: id, logicalType: string, primaryKey: true, required: true}
      - {name: carrier_code, logicalType: string}
roles:
  - role: logistics
    customProperties:
      - property: view
        value: {operations: [list], purpose: [delivery], rows: record.carrier_code == partner.code, fields: {id: clear}}
"""
AGREEMENT = """
agreement: {name}
version: 1.0.0
partner: {{id: {partner}, code: {code}, name: {{zh: {partner}, en: {partner}}}, role: logistics}}
effective: {{from: {first}, to: 2030-01-01, time_zone: {zone}}}
products: [{{product: shipments, version: 1.0.0}}]
policies: [{{policy: terms, version: 1.0.0}}]
fees: {{monthly: "{fee}", currency: {currency}}}
volume: {{requests_per_day: 20000}}
"""
BACKENDS = '[records]\nkind = "http"\nurl = "http://127.0.0.1:1"\n'


class Party(NamedTuple):
    """One agreement. `share` of all traffic; `activated_min` minutes after the first local midnight it is in force."""

    name: str
    partner: str
    zone: str
    fee: str
    currency: str
    share: float
    activated_min: int


class Bad(NamedTuple):
    """What happens to the answers of an agreement ("" all of them) from a minute of the simulation to another: so many
    in a thousand fail, so many take too long."""

    agreement: str
    from_min: int
    until_min: int
    failing: int
    slow: int


class Notice(NamedTuple):
    """Announced `announced_min`, for a time in UTC."""

    name: str
    kind: str
    from_min: int
    until_min: int
    announced_min: int


class Reported(NamedTuple):
    """A data error: id, agreement, and its steps (event, second of the simulation)."""

    name: str
    agreement: str
    steps: tuple[tuple[str, int], ...]


class World(NamedTuple):
    """All of it. Minutes and seconds count from `begins`, a UTC midnight before the first local one of anybody."""

    months: tuple[str, ...]
    begins: datetime
    minutes: int
    exchanges: int
    parties: tuple[Party, ...]
    bad: tuple[Bad, ...]
    down: tuple[tuple[int, int], ...]
    """Seconds in which the hub was not there."""
    stalls: tuple[tuple[int, int], ...]
    """Seconds in which the disk confirmed nothing in time: what was recorded is taken back."""
    notices: tuple[Notice, ...]
    suspended: tuple[tuple[str, int, int], ...]
    """Agreement, from and until which second the hub suspended it."""
    reported: tuple[Reported, ...]

    def local_midnight_min(self, zone: str, month: str) -> int:
        """The minute of the simulation in which a month of a time zone begins."""
        first = datetime.fromisoformat(f"{month}-01").replace(tzinfo=ZoneInfo(zone))
        return (first.astimezone(UTC) - self.begins) // timedelta(minutes=1)


PARTIES = (
    Party("orient-2026", "orient", "Asia/Shanghai", "20000.00", "CNY", 0.62, 0),
    Party("hafen-2026", "hafen", "Europe/Berlin", "36000.50", "EUR", 0.3, 0),
    Party("summit-2026", "summit", "UTC", "1000.00", "USD", 0.08, 4 * 1440 + 631),
)


def world(months: tuple[str, ...], exchanges: int) -> World:
    """What happens in these months. Each has the same troubles at other times, some of them across midnight."""
    begins = datetime.fromisoformat(f"{months[0]}-01").replace(tzinfo=UTC) - timedelta(days=1)
    last = datetime.fromisoformat(f"{months[-1]}-28").replace(tzinfo=UTC) + timedelta(days=5)
    minutes = (last - begins) // timedelta(minutes=1)
    bad: list[Bad] = [Bad("", 0, minutes, 1, 4)]
    down: list[tuple[int, int]] = []
    stalls: list[tuple[int, int]] = []
    notices: list[Notice] = []
    suspended: list[tuple[str, int, int]] = []
    reported: list[Reported] = []
    for number, month in enumerate(months):
        first = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
        at = (first - begins) // timedelta(minutes=1)
        bad += _troubles(number, at)
        down += _downtimes(number, at * MINUTE_S)
        stalls.append((at * MINUTE_S + _day(11, 5) * MINUTE_S + 17, at * MINUTE_S + _day(11, 5, 2) * MINUTE_S))
        notices += _notices(number, at)
        suspended += _suspensions(number, at * MINUTE_S)
        reported += _reports(number, at * MINUTE_S)
    return World(
        months,
        begins,
        minutes,
        exchanges,
        PARTIES,
        tuple(bad),
        tuple(down),
        tuple(stalls),
        tuple(notices),
        tuple(suspended),
        tuple(reported),
    )


def _day(day: int, hour: int = 0, minute: int = 0) -> int:
    return (day * 24 + hour) * 60 + minute


def _troubles(number: int, at: int) -> list[Bad]:
    """Outages, a drift of latency over days, a bad hour in announced maintenance, one across the end of a month."""
    return [
        Bad("orient-2026", at + _day(6 + number, 9), at + _day(6 + number, 9 + number, 17), 1000, 0),
        Bad("orient-2026", at + _day(13, 2), at + _day(13, 2, 9), 700, 0),
        Bad("hafen-2026", at + _day(9), at + _day(12 + 3 * number), 2, 30 + 20 * number),
        Bad("hafen-2026", at + _day(20, 22), at + _day(20, 22, 40), 550, 100),
        Bad("summit-2026", at + _day(18, 3), at + _day(18, 5), 300, 0),
        Bad("", at + _day(16, 1, 10), at + _day(16, 2, 20), 900, 0),
        Bad("", at + _day(-1, 23, 50), at + _day(0, 0, 7), 250, 0) if number else Bad("", at, at, 0, 0),
    ]


def _downtimes(number: int, at_s: int) -> list[tuple[int, int]]:
    """Once short, once long and not on a minute, once in announced maintenance."""
    begins = at_s + _day(22, 3) * MINUTE_S + 20
    return [
        (at_s + _day(4, 14, 3) * MINUTE_S + 11, at_s + _day(4, 14, 6) * MINUTE_S + 2),
        (begins, begins + 5000 + 3600 * number),
        (at_s + _day(16, 1, 30) * MINUTE_S, at_s + _day(16, 2, 10) * MINUTE_S),
    ]


def _notices(number: int, at: int) -> list[Notice]:
    """Maintenance in time, maintenance announced while it went on, and force majeure told afterwards."""
    return [
        Notice(f"works-{number}", "maintenance", at + _day(16, 1), at + _day(16, 3), at + _day(8)),
        Notice(f"late-{number}", "maintenance", at + _day(13, 2), at + _day(13, 3), at + _day(13, 2, 30)),
        Notice(f"flood-{number}", "force_majeure", at + _day(18, 3), at + _day(18, 4, 3), at + _day(19)),
    ]


def _suspensions(number: int, at_s: int) -> list[tuple[str, int, int]]:
    begins = at_s + _day(25, 10) * MINUTE_S + 7
    return [("orient-2026", begins, begins + 7530 + 1800 * number)]


def _reports(number: int, at_s: int) -> list[Reported]:
    """In time, too late, rejected, reopened, and one that is never fixed."""
    day = 86_400
    report, seen, fixed = "correction-reported", "correction-acknowledged", "correction-fixed"
    one, two, three = at_s + 2 * day + 3600, at_s + 10 * day, at_s + 26 * day
    return [
        Reported(f"c-{number}-1", "orient-2026", ((report, one), (seen, one + 3600), (fixed, one + 2 * day))),
        Reported(f"c-{number}-2", "orient-2026", ((report, two), (seen, two + 14_401), (fixed, two + 2 * day + 1))),
        Reported(f"c-{number}-3", "hafen-2026", ((report, two), ("correction-rejected", two + 60))),
        Reported(
            f"c-{number}-4",
            "hafen-2026",
            (
                (report, two + 5),
                (fixed, two + day),
                ("correction-reopened", two + day + 43_200),
                (fixed, two + 3 * day),
            ),
        ),
        Reported(f"c-{number}-5", "summit-2026", ((report, three),)),
    ]


def workspace_in(folder: Path, made: World) -> Workspace:
    """The contracts, as documents in a folder, compiled."""
    files: Mapping[str, str] = {
        "products/shipments.odcs.yaml": PRODUCT,
        "policies/terms.yaml": POLICY_FILE.read_text(encoding="utf-8"),
        "backends.toml": BACKENDS,
        **{
            f"agreements/{party.name}.yaml": AGREEMENT.format(
                name=party.name,
                partner=party.partner,
                code=party.partner.upper(),
                first=f"{made.months[0]}-01",
                zone=party.zone,
                fee=party.fee,
                currency=party.currency,
            )
            for party in made.parties
        },
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    loaded = load_workspace(folder, {})
    if not isinstance(loaded, Workspace):
        raise ValueError("\n".join(finding.to_text() for finding in loaded))
    return loaded
