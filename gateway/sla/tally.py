"""Tally: folds audit entries into exact counts. The serving process and a replay of the log use this very class."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from contracts.plan import Contract, Plan, Plans
from gateway.audit.leaf import Authority, Entry, Exchange, Intent, Observation, Outbound, Part, Undelivered
from gateway.audit.reader import Counted, Timed
from gateway.sla.account import Account, Day
from gateway.sla.attribution import fault_of
from gateway.sla.lanes import Lane, lane_of, lanes_of, meters_out
from gateway.sla.latencies import WRITING, count_latency
from gateway.sla.minutes import COLUMNS, LEFT_OUT, MINUTE_US, SLOW, Minutes
from gateway.sla.presence import Presence, shows_presence
from gateway.sla.sampled import Sampled
from policies.clause import Meter

KEEP_DAYS = 62
"""Minutes of this many local days are kept: always the whole of this month and of the one before."""

_FOREVER_US: Final = 1 << 62


class Metered(Protocol):
    """What of an exchange its lanes are counted from."""

    @property
    def time_us(self) -> int: ...
    @property
    def agreement(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def plan(self) -> str: ...
    @property
    def product(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def latency_us(self) -> int: ...


_Counter = tuple[int, int, tuple[tuple[int, int], ...], bool]
"""(index of the lane, good_below_status, (column, threshold in microseconds) each, counts_refusals)"""


class _Route:
    """Where the exchanges of one plan are counted, or the calls of one operation of a partner's API."""

    __slots__ = ("account", "lanes", "operation", "writes")

    def __init__(self, account: Account, operation: str, lanes: tuple[_Counter, ...]) -> None:
        self.account, self.operation, self.lanes = account, operation, lanes
        self.writes = int(operation.rpartition(" ")[2] in WRITING)


class Quick(NamedTuple):
    """Exchanges of one plan with a status below 400 that took at most `within_us`: good in each lane. `minutes` are
    those since 1970 that they came in, which are minutes of every local day: time zones are whole minutes apart."""

    within_us: int
    minutes: list[int]


class Tally:
    """Counts per agreement version, and per meter and minute.

    What an exchange counts towards follows from the plan that its entry names; an entry of a plan that is no longer
    there counts under the plan of the same agreement version, product and operation. An exchange that reached no plan
    is counted and not metered. `unattributed` counts those of agreements that are in no document. `presence` says when
    the hub was there; None: always, and every agreement has been in force since its first day.
    """

    def __init__(self, plans: Plans, *, keep_days: int = KEEP_DAYS, presence: Presence | None = None) -> None:
        self.unattributed = 0
        self.presence = presence
        self._keep_days = keep_days
        self._accounts: dict[tuple[str, str], Account] = {}
        self._routes: dict[str, _Route] = {}
        self._unplanned: dict[tuple[str, str], _Route] = {}
        self._by_operation: dict[tuple[str, str, str, str], _Route] = {}
        self._outbound: dict[tuple[str, str, str, str], _Route] = {}
        self._sampled: dict[tuple[str, str, str, str], list[tuple[int, Lane]]] = {}
        self.renew(plans)

    def renew(self, plans: Plans) -> None:
        """Go on under other plans, after a reload. Nothing that was counted is lost."""
        self._routes, self._by_operation, self._outbound, self._sampled = {}, {}, {}, {}
        planned: dict[tuple[str, str], list[Plan]] = {key: [] for key in plans.contracts}
        for plan in plans.all_plans():
            planned[plan.contract.agreement, plan.contract.version].append(plan)
        for key, contract in plans.contracts.items():
            account = self._adopted(contract, list(lanes_of(planned[key])))
            self._unplanned[key] = _Route(account, "", ())
            for plan in planned[key]:
                self._add_route(account, plan)

    def of(self, contract: Contract) -> Account | None:
        """What was counted under an agreement version; None if it was never known."""
        return self._accounts.get((contract.agreement, contract.version))

    def accounts(self) -> Iterator[Account]:
        """Everything counted, agreement by agreement."""
        return iter(list(self._accounts.values()))

    def add(self, exchange: Exchange) -> None:
        """Count one exchange. On the hot path: no clock, no datetime, nothing allocated but for a new slice or day."""
        route = self._routes.get(exchange.plan) or self._find(exchange)
        if route is None:
            self.unattributed += 1
            return
        account, time_us, status = route.account, exchange.time_us, exchange.status
        day = account.day  # as account.day_of, without the call
        if not day.from_us <= time_us < day.until_us:
            day = account.turn(time_us)
        latest_us = account.latest_us
        if latest_us is None or time_us > latest_us:
            account.latest_us = time_us
        first_us = account.first_us
        if first_us is None or time_us < first_us:
            account.first_us = time_us
        if exchange.client not in account.clients:
            account.clients.add(exchange.client)

        counts = day.counts
        counts.requests += 1
        counts.records += exchange.records
        counts.bytes += exchange.bytes
        counts.subjects += exchange.subjects
        counts.statuses[status // 100] += 1
        if exchange.withheld:
            counts.withheld += exchange.withheld
            counts.drifted += status < 400
        if exchange.clause or exchange.observed or exchange.uncounted:
            counts.note(exchange, refused=status >= 400)
        if route.operation:
            counts.operations[route.operation] = counts.operations.get(route.operation, 0) + 1
            if status < 400:
                count_latency(day.latencies[route.writes] or day.buckets(route.writes), exchange.latency_us)

        if route.lanes:
            _meter(route.lanes, day, exchange)

    def quick(self) -> dict[str, Quick]:
        """By plan, where to put the minutes of exchanges that are good wherever they count, for `add_quick`."""
        found = {}
        for plan, route in self._routes.items():
            within_us = [threshold_us for _, _, thresholds, _ in route.lanes for _, threshold_us in thresholds]
            found[plan] = Quick(min(within_us, default=_FOREVER_US), [])
        return found

    def add_quick(self, quick: Mapping[str, Quick]) -> None:
        """Count exchanges as `meter` does, all those of a minute at once."""
        for plan, one in quick.items():
            route, first, until = self._routes[plan], 0, 0
            rows: list[array[int]] = []
            for minute, count in Counter(one.minutes).items():
                if not first <= minute < until:
                    day = route.account.day_of(minute * MINUTE_US)
                    first, until = day.from_us // MINUTE_US, day.until_us // MINUTE_US
                    rows = [day.room(index).totals for index, *_ in route.lanes]
                for totals in rows:
                    totals[minute - first] += count

    def meter(self, exchange: Metered) -> None:
        """Count one exchange in its lanes, and nowhere else: all that a settlement is made of."""
        route = self._routes.get(exchange.plan) or self._find(exchange)
        if route is not None and route.lanes:
            account, time_us = route.account, exchange.time_us
            day = account.day
            if not day.from_us <= time_us < day.until_us:
                day = account.turn(time_us)
            _meter(route.lanes, day, exchange)

    def add_outbound(self, called: Outbound) -> None:
        """Count a call of a partner's API: in the lanes of what the partner promises, and nowhere else.

        A call that was never sent, because the partner was failing, says nothing of the partner.
        """
        key = (called.agreement, called.version, called.service, called.operation)
        route = self._outbound.get(key) or self._add_outbound_route(key)
        if route is None or not called.attempts:
            return
        day, status = route.account.day_of(called.time_us), called.status
        minute = (called.time_us - day.from_us) // MINUTE_US
        for index, good_below_status, thresholds, counts_refusals in route.lanes:
            cells = day.minutes[index] or day.room(index)
            answered = status and not called.code
            if answered and 400 <= status < 500 and not counts_refusals:
                cells.note(minute, LEFT_OUT)
                continue
            cells.totals[minute] += 1
            if not answered or status >= good_below_status:
                cells.note(minute, COLUMNS["partner"])
                continue
            for column, threshold_us in thresholds:
                if called.latency_us > threshold_us:
                    cells.note(minute, column)

    def restore(self, name: tuple[str, str], lane: Lane, ordinal: int, minutes: Minutes) -> None:
        """Count what was rolled up of a lane of an agreement version, on one of its days."""
        account = self._accounts[name]
        index = account.index_of(lane)
        account.day_of(account.day_at(ordinal).from_us).room(index).add(minutes)

    def recall(self, name: tuple[str, str], activated_us: int | None, called: Iterable[tuple[str, str]]) -> None:
        """Take note of when an agreement version came into force, and of the partner's operations that were called."""
        self._accounts[name].activated_us = activated_us
        for service, operation in called:
            self._add_outbound_route((*name, service, operation))

    def hear(self, entry: Entry | Timed) -> None:
        """Take note of when the hub was there, and of when agreements came into force. Every record is told, once."""
        if self.presence is not None and shows_presence(entry):
            self.presence.add(entry.time_us)
        if isinstance(entry, Authority):
            self.activate(entry)

    def activate(self, entry: Authority) -> None:
        """Take note of when an agreement came into force for the first time."""
        if entry.event != "agreement-activated":
            return
        agreement, _, version = entry.subject.rpartition(" ")
        account = self._accounts.get((agreement, version))
        if account is not None and (account.activated_us is None or entry.time_us < account.activated_us):
            account.activated_us = entry.time_us

    def add_part(self, part: Part) -> None:
        """Count a further piece of an answer: what it disclosed, and no further exchange.

        A clause that it names ended the answer there, whether with this piece or in its place.
        """
        account = self._accounts.get((part.agreement, part.version))
        if account is None:
            return
        counts = account.day_of(part.time_us).counts
        counts.parts += 1
        counts.records += part.records
        counts.bytes += part.bytes
        counts.subjects += part.subjects
        counts.withheld += part.withheld
        if part.clause or part.observed or part.uncounted:
            counts.note(part, refused=False)

    def observe(self, observation: Observation) -> None:
        """Count what samples of the data showed."""
        account = self._accounts.get((observation.agreement, observation.version))
        if account is None:
            return
        day = account.day_of(observation.time_us)
        sampled = day.counts.sampled.setdefault(f"{observation.product} {observation.direction}", Sampled())
        sampled.observe(observation)
        self.meter_samples(observation)

    def meter_samples(self, observation: Observation) -> None:
        """Count samples in the lanes of clauses about the data, and nowhere else."""
        key = (observation.agreement, observation.version, observation.product, observation.direction)
        for index, lane in self._sampled.get(key, ()):
            day = self._accounts[key[0], key[1]].day_of(observation.time_us)
            _count_samples(day.room(index), (observation.time_us - day.from_us) // MINUTE_US, lane, observation)

    def take_back(self, undelivered: Undelivered) -> None:
        """Note that an answer was not sent. Whoever counts while it is recorded has not counted it."""
        account = self._accounts.get((undelivered.agreement, undelivered.version))
        if account is not None:
            account.undelivered += 1

    def replay(self, entries: Iterable[Counted]) -> "Tally":
        """Count everything that a log holds, as reader.read_counted gives it; returns itself.

        That is without the records that were taken back. The outcome of a change is known all the same when its answer
        was: the log holds it.
        """
        intents: dict[str, Intent] = {}
        for entry in entries:
            if isinstance(entry, Exchange):
                if entry.request_id in intents:
                    del intents[entry.request_id]
                self.add(entry)
            elif isinstance(entry, Observation):
                self.observe(entry)
            elif isinstance(entry, Part):
                self.add_part(entry)
            elif isinstance(entry, Undelivered):
                self.take_back(entry)
                if entry.retracted in ("exchange", "outbound"):
                    intents.pop(entry.request_id, None)
            elif isinstance(entry, Outbound):
                intents.pop(entry.request_id, None)
                self.add_outbound(entry)
            else:
                intents[entry.request_id] = entry
        for intent in intents.values():
            account = self._accounts.get((intent.agreement, intent.version))
            if account is not None:
                account.unfinished += 1
        return self

    def _adopted(self, contract: Contract, lanes: list[tuple[Lane, Meter]]) -> Account:
        key = (contract.agreement, contract.version)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(contract, lanes, keep_days=self._keep_days, presence=self.presence)
        else:
            account.adopt(contract, lanes)
        return account

    def _add_route(self, account: Account, plan: Plan) -> None:
        lanes = [lane for lane, _ in lanes_of([plan])]
        counters = tuple(_counter(account, lane) for lane in lanes if lane.side == "in")
        route = _Route(account, f"{plan.resource} {plan.operation}", counters)
        contract = plan.contract
        self._routes[plan.id] = route
        self._by_operation[contract.agreement, contract.version, plan.resource, plan.operation] = route
        for lane in lanes:
            if lane.side == "data":
                key = (contract.agreement, contract.version, plan.resource, lane.direction)
                mine = self._sampled.setdefault(key, [])
                if (account.index_of(lane), lane) not in mine:
                    mine.append((account.index_of(lane), lane))

    def _add_outbound_route(self, key: tuple[str, str, str, str]) -> _Route | None:
        """Made when the first call comes: an agreement may name operations that nobody ever calls."""
        agreement, version, service, operation = key
        account = self._accounts.get((agreement, version))
        if account is None:
            return None
        contract = account.contract
        lanes = [(lane_of(meter, service, operation), meter) for meter in meters_out(contract, service, operation)]
        account.adopt(contract, lanes)
        account.called.add((service, operation))
        route = _Route(account, "", tuple(_counter(account, lane) for lane, _ in lanes))
        self._outbound[key] = route
        return route

    def _find(self, exchange: Metered) -> _Route | None:
        """The slow way, for entries without a plan and of plans that are gone."""
        if exchange.plan:
            route = self._by_operation.get((exchange.agreement, exchange.version, exchange.product, exchange.operation))
            if route is not None:
                return route
        return self._unplanned.get((exchange.agreement, exchange.version))


def _counter(account: Account, lane: Lane) -> _Counter:
    thresholds = tuple((SLOW + index, threshold) for index, threshold in enumerate(lane.thresholds_us))
    return account.index_of(lane), lane.good_below_status, thresholds, lane.counts_refusals


def _meter(lanes: tuple[_Counter, ...], day: Day, exchange: Metered) -> None:
    status, minutes = exchange.status, day.minutes
    minute = (exchange.time_us - day.from_us) // 60_000_000
    for index, good_below_status, thresholds, counts_refusals in lanes:
        cells = minutes[index] or day.room(index)
        if status >= 400 and _failed(cells, minute, exchange, good_below_status, counts_refusals):
            continue
        cells.totals[minute] += 1
        for column, threshold_us in thresholds:
            if exchange.latency_us > threshold_us:
                cells.note(minute, column)


def _failed(cells: Minutes, minute: int, exchange: Metered, good_below_status: int, counts_refusals: bool) -> bool:
    """Count an answer of 400 and above that is left out or bad; False: it counts as any other."""
    status = exchange.status
    if status < 500 and not counts_refusals:
        cells.note(minute, LEFT_OUT)
        return True
    if status < good_below_status:
        return False
    cells.totals[minute] += 1
    cells.note(minute, COLUMNS[fault_of(exchange.code, status)])
    return True


def _count_samples(cells: Minutes, minute: int, lane: Lane, observation: Observation) -> None:
    """Samples that could tell whether a rule was kept, and those in which it was not."""
    for one in observation.measured:
        if one.rule == lane.rule and one.judged:
            cells.totals[minute] += one.judged
            if one.broken:
                cells.note(minute, COLUMNS["backend" if lane.direction == "out" else "partner"], one.broken)
