"""Tally: folds audit entries into exact counts. The serving process and a replay of the log use this very class."""

from collections.abc import Iterable, Iterator

from contracts.plan import Contract, Plan, Plans
from gateway.audit.leaf import Exchange, Intent, Observation, Part, Undelivered
from gateway.sla.account import Account
from gateway.sla.sampled import Sampled
from policies.clause import Meter

KEEP_DAYS = 62
"""Slices of this many local days are kept: always the whole of this month and of the one before."""

_Counter = tuple[int, int, int, int, int | None, bool]
"""(index of the meter, slice in seconds, in microseconds, good_below_status, within_us, counts_refusals)"""


class _Route:
    """Where the exchanges of one plan are counted."""

    __slots__ = ("account", "meters", "operation")

    def __init__(self, account: Account, operation: str, meters: tuple[_Counter, ...]) -> None:
        self.account, self.operation, self.meters = account, operation, meters


class Tally:
    """Counts per agreement version, and per meter and slice.

    What an exchange counts towards follows from the plan that its entry names; an entry of a plan that is no longer
    there counts under the plan of the same agreement version, product and operation. An exchange that reached no plan
    is counted and not metered. `unattributed` counts those of agreements that are in no document.
    """

    def __init__(self, plans: Plans, *, keep_days: int = KEEP_DAYS) -> None:
        self.unattributed = 0
        self._keep_days = keep_days
        self._accounts: dict[tuple[str, str], Account] = {}
        self._routes: dict[str, _Route] = {}
        self._unplanned: dict[tuple[str, str], _Route] = {}
        self._by_operation: dict[tuple[str, str, str, str], _Route] = {}
        self.renew(plans)

    def renew(self, plans: Plans) -> None:
        """Go on under other plans, after a reload. Nothing that was counted is lost."""
        self._routes, self._by_operation = {}, {}
        planned: dict[tuple[str, str], list[Plan]] = {key: [] for key in plans.contracts}
        for plan in plans.all_plans():
            planned[plan.contract.agreement, plan.contract.version].append(plan)
        for key, contract in plans.contracts.items():
            account = self._adopted(contract, [meter for plan in planned[key] for meter in plan.meters])
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

        for index, slice_s, slice_us, good_below_status, within_us, counts_refusals in route.meters:
            if 400 <= status < 500 and not counts_refusals:
                continue
            slices = day.slices[index] or day.room(index, slice_s)
            at = (time_us - day.from_us) // slice_us * 2
            slices[at] += 1
            if status < good_below_status and (within_us is None or exchange.latency_us <= within_us):
                slices[at + 1] += 1

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
        sampled = account.day_of(observation.time_us).counts.sampled
        sampled.setdefault(f"{observation.product} {observation.direction}", Sampled()).observe(observation)

    def take_back(self, undelivered: Undelivered) -> None:
        """Note that an answer was not sent. Whoever counts while it is recorded has not counted it."""
        account = self._accounts.get((undelivered.agreement, undelivered.version))
        if account is not None:
            account.undelivered += 1

    def replay(self, entries: Iterable[Exchange | Intent | Part | Observation | Undelivered]) -> "Tally":
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
                if entry.retracted == "exchange":
                    intents.pop(entry.request_id, None)
            else:
                intents[entry.request_id] = entry
        for intent in intents.values():
            account = self._accounts.get((intent.agreement, intent.version))
            if account is not None:
                account.unfinished += 1
        return self

    def _adopted(self, contract: Contract, meters: list[Meter]) -> Account:
        key = (contract.agreement, contract.version)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(contract, meters, keep_days=self._keep_days)
        else:
            account.adopt(contract, meters)
        return account

    def _add_route(self, account: Account, plan: Plan) -> None:
        meters = tuple(
            (
                account.index_of(meter),
                meter.slice_s,
                meter.slice_s * 1_000_000,
                meter.good_below_status,
                meter.within_us,
                meter.counts_refusals,
            )
            for meter in plan.meters
        )
        route = _Route(account, f"{plan.resource} {plan.operation}", meters)
        contract = plan.contract
        self._routes[plan.id] = route
        self._by_operation[contract.agreement, contract.version, plan.resource, plan.operation] = route

    def _find(self, exchange: Exchange) -> _Route | None:
        """The slow way, for entries without a plan and of plans that are gone."""
        if exchange.plan:
            route = self._by_operation.get((exchange.agreement, exchange.version, exchange.product, exchange.operation))
            if route is not None:
                return route
        return self._unplanned.get((exchange.agreement, exchange.version))
