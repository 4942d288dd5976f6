"""What a notice means for each agreement before it is published: whom it is for, and for whom it is too late. Pure."""

from msgspec import Struct

from contracts.notice import Change, Deprecation, Maintenance, Notice
from contracts.plan import Contract, Plans
from gateway.notices.known import Announced, concerns, versions_of
from gateway.notices.windows import covers, lateness, unix_us, windows_of
from policies.settling.facts import NoticeAbout


class Concern(Struct, frozen=True):
    """One agreement version that a notice is for.

    `clause` is the notice clause that it comes too late for, by `short_us` at most; "" and more than zero: no clause
    says how early, and it was not announced before it began. `spans` is how many announced spans lie in the agreement's
    term, `late` how many of them do not count for it. `only_some` are the clauses from which nothing is left out since
    the notice is about some of the products that they are about.
    """

    contract: Contract
    clause: str
    short_us: int
    spans: int = 0
    late: int = 0
    only_some: tuple[str, ...] = ()

    @property
    def in_time(self) -> bool:
        """Whether it binds the agreement from its first moment on."""
        return self.short_us <= 0


def concerned(notice: Notice, plans: Plans, now_us: int) -> tuple[Concern, ...]:
    """Every agreement version that a notice announced now is for, by name and version."""
    announced = Announced(notice, now_us)
    found = []
    for contract in sorted(plans.contracts.values(), key=lambda each: (each.agreement, each.effective_from_s)):
        concern = _concern(announced, contract, plans)
        if concern is not None:
            found.append(concern)
    return tuple(found)


def unknown_names(notice: Notice, plans: Plans) -> list[tuple[tuple[str | int, ...], str]]:
    """Agreements, products and versions that a notice names and that do not exist: where, and what is wrong."""
    products = {(plan.product, plan.product_version) for plan in plans.all_plans()}
    names = {name for name, _ in products}
    found: list[tuple[tuple[str | int, ...], str]] = [
        (("agreements", index), f"there is no agreement {name}")
        for index, name in enumerate(notice.agreements)
        if name not in plans.agreements()
    ]
    found += [
        (("products", index), f"no agreement is about a product {name}")
        for index, name in enumerate(notice.products)
        if name not in names
    ]
    if isinstance(notice, Deprecation) and (notice.product, notice.version) not in products:
        found.append((("version",), f"no agreement is about version {notice.version} of {notice.product}"))
    return found


def _concern(announced: Announced, contract: Contract, plans: Plans) -> Concern | None:
    notice = announced.notice
    term = (contract.effective_from_s * 1_000_000, contract.effective_until_s * 1_000_000)
    if not concerns(notice, contract):
        return None
    if isinstance(notice, Deprecation | Change):
        if isinstance(notice, Deprecation) and versions_of(plans, contract).get(notice.product) != notice.version:
            return None
        effective_us = unix_us(notice.effective())
        # What takes effect after the term does so for whoever is bound until then: not at all.
        if not term[0] <= effective_us < term[1]:
            begins = isinstance(notice, Deprecation) and unix_us(notice.moment(notice.deprecated)) < term[1]
            return Concern(contract, "", 0) if begins and announced.announced_us < term[1] else None
        about: NoticeAbout = "deprecation" if isinstance(notice, Deprecation) else "change"
        return Concern(contract, *lateness(contract, about, announced.announced_us, effective_us, by=notice.by))
    windows = windows_of([announced], contract, term)
    if not windows:
        return None
    late = [window for window in windows if not window.counts]
    worst = max(late, key=lambda window: window.short_us, default=None)
    clause, short_us = (worst.clause, worst.short_us) if worst is not None else ("", 0)
    return Concern(contract, clause, short_us, len(windows), len(late), _only_some(announced, contract))


def _only_some(announced: Announced, contract: Contract) -> tuple[str, ...]:
    """Clauses that leave such spans out, and none of this notice."""
    cause = "announced_maintenance" if isinstance(announced.notice, Maintenance) else "force_majeure"
    return tuple(
        promised.ref.id
        for promised in contract.promises
        if cause in promised.clause.exclude
        and promised.clause.owed_by == announced.notice.by
        and not covers(announced.notice, contract, promised.clause)
    )
