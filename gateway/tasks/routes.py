"""What partners do about tasks, below /partner/tasks: those assigned to them, and those that they gave to the hub."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final, Literal, TypeAlias

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Struct

from contracts.plan import Plans
from gateway.partner.door import Answer, Handler, PartnerDoor, Visit
from gateway.store.store import Store
from gateway.store.tasks import Task, Tasks, TaskState, Wanted
from gateway.tasks.authority import Acting, NewTask, Refused, TaskAuthority
from gateway.tasks.due import DueFault, due_of, zone_of
from gateway.tasks.rules import Action
from gateway.tasks.shown import shown_task
from gateway.tasks.words import Details, Reference, TeamName, Title, Titles, both, details_fault, title_fault
from gateway.webhooks.routes import unless_down
from policies.reference import Words

PAGE_MAX: Final = 100
_STATES: Final[tuple[TaskState, ...]] = ("open", "accepted", "completed", "cancelled")
_WHICH_STATES: Final[Words] = {
    "zh": f"`state` 应为以下之一：{', '.join(_STATES)}, overdue",
    "en": f"`state` is one of: {', '.join(_STATES)}, overdue",
}
_NO_AGREEMENT: Final[Words] = {"zh": "这不是贵方的协议", "en": "this is no agreement of yours"}


class WantedTask(Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted to give the hub a task: a title in one language or both, a team, and when it is due."""

    title: Title | Titles
    team: TeamName
    due: Annotated[str, Meta(min_length=1, max_length=64)]
    details: Details = ""
    agreement: Reference | Literal[""] = ""
    product: Reference | Literal[""] = ""
    correction: Reference | Literal[""] = ""


class Noted(Struct, frozen=True, forbid_unknown_fields=True):
    """What is posted to complete or cancel a task."""

    note: Details = ""


_OfTask: TypeAlias = Callable[[Visit, Task], Awaitable[Answer]]


class TaskPages(Struct, frozen=True):
    """The handlers, over the store, what changes it, and the agreements in force."""

    store: Store
    authority: TaskAuthority
    plans: Callable[[], Plans]
    page_max: int = PAGE_MAX

    async def list(self, visit: Visit) -> Answer:
        """Tasks of the caller's partner, the one due first first; `next` leads on where there are more."""
        wanted = _wanted(visit, self.page_max + 1)
        if isinstance(wanted, Response):
            return wanted
        found = await Tasks(self.store).list(wanted)
        page, more = found[: self.page_max], len(found) > self.page_max
        partner = visit.grant.partner
        listed = {"tasks": [shown_task(each, partner, visit.time_us) for each in page]}
        return visit.answer(listed | {"next": f"{page[-1].due_us}.{page[-1].id}" if more else None})

    async def create(self, visit: Visit) -> Answer:
        """A task for a team of the hub."""
        wanted = await visit.body(WantedTask)
        if isinstance(wanted, Response):
            return wanted
        new = self._new(visit, wanted)
        if isinstance(new, Response):
            return new
        made = await self.authority.create(new)
        return _answer(visit, made, 201)

    async def show(self, visit: Visit, task: Task) -> Answer:
        """One of them."""
        return _answer(visit, task)

    async def accept(self, visit: Visit, task: Task) -> Answer:
        """The caller's partner will do it."""
        return await self._act(visit, task, "accept", "")

    def noted(self, action: Action) -> _OfTask:
        """Completing and cancelling, which take a note."""

        async def act(visit: Visit, task: Task) -> Answer:
            body = Noted()
            if visit.request.headers.get("content-length", "0") != "0" or "transfer-encoding" in visit.request.headers:
                read = await visit.body(Noted)
                if isinstance(read, Response):
                    return read
                body = read
            if fault := details_fault(body.note):
                return visit.invalid_member("note", fault)
            return await self._act(visit, task, action, body.note)

        return act

    def of_task(self, handle: _OfTask) -> Handler:
        """A handler of one task, which has to concern the caller's partner; `If-Match` is held against its ETag."""

        async def found(visit: Visit) -> Answer:
            task = await Tasks(self.store).find(visit.request.path_params["task"])
            if task is None or task.partner != visit.grant.partner:
                return visit.problem("task-not-found")
            known = visit.request.headers.get("if-match", "").strip()
            if known not in {"", "*", _etag(task)}:
                return visit.problem("precondition-failed", headers={"ETag": _etag(task)})
            return await handle(visit, task)

        return found

    async def _act(self, visit: Visit, task: Task, action: Action, note: str) -> Answer:
        acting = Acting(visit.grant.partner, visit.grant.client, note)
        return _answer(visit, await self.authority.act(task, action, acting))

    def _new(self, visit: Visit, wanted: WantedTask) -> NewTask | Answer:
        """The task that is wanted, or what is wrong with it."""
        titles, plans, partner = both(wanted.title), self.plans(), visit.grant.partner
        if wanted.agreement and wanted.agreement not in {each.agreement for each in plans.of_partner(partner)}:
            return visit.invalid_member("agreement", _NO_AGREEMENT)
        if fault := title_fault(titles):
            return visit.invalid_member("title", fault)
        if fault := details_fault(wanted.details):
            return visit.invalid_member("details", fault)
        zone = zone_of(plans, wanted.agreement, partner)
        due_us = due_of(wanted.due, visit.time_us, zone)
        if isinstance(due_us, DueFault):
            return visit.invalid_member("due", due_us.words)
        return NewTask(
            created_by=partner,
            creator=visit.grant.client,
            assignee_kind="team",
            assignee=wanted.team,
            title_zh=titles[0],
            title_en=titles[1],
            zone=zone,
            due_us=due_us,
            details=wanted.details,
            agreement=wanted.agreement,
            product=wanted.product,
            correction=wanted.correction,
        )


def task_routes(
    door: PartnerDoor,
    store: Store,
    authority: TaskAuthority,
    plans: Callable[[], Plans],
    *,
    page_max: int = PAGE_MAX,
) -> list[HTTPRouteHandler]:
    """The routes, for gateway/doors.py."""
    pages = TaskPages(store, authority, plans, page_max)
    one, root = pages.of_task, "/partner/tasks"
    routes: dict[str, dict[str, Handler]] = {
        root: {"GET": pages.list, "POST": pages.create},
        f"{root}/{{task:str}}": {"GET": one(pages.show)},
        f"{root}/{{task:str}}/accept": {"POST": one(pages.accept)},
        f"{root}/{{task:str}}/complete": {"POST": one(pages.noted("complete"))},
        f"{root}/{{task:str}}/cancel": {"POST": one(pages.noted("cancel"))},
    }
    return [
        made
        for path, handlers in routes.items()
        for made in door.routes(path, {method: partial(unless_down, each) for method, each in handlers.items()})
    ]


def _wanted(visit: Visit, number_max: int) -> Wanted | Answer:
    """The filter in the query: `state` is a state or `overdue`, `after` the `next` of an earlier page."""
    given = visit.parameters()
    if given is None or set(given) - {"state", "after"}:
        return visit.problem("invalid-parameter")
    states, overdue = given.get("state", ""), None
    if states == "overdue":
        states, overdue = "", visit.time_us
    chosen = tuple(each for each in _STATES if each == states)
    if states and not chosen:
        return visit.problem("invalid-parameter", detail=_WHICH_STATES[visit.language])
    after = None
    if "after" in given:
        due, _, task_id = given["after"].partition(".")
        if not (due.isascii() and due.isdigit() and len(due) <= 18):
            return visit.problem("invalid-cursor")
        after = (int(due), task_id)
    return Wanted(partner=visit.grant.partner, states=chosen, overdue_at_us=overdue, after=after, number_max=number_max)


def _answer(visit: Visit, made: Task | Refused, status: int = 200) -> Answer:
    if isinstance(made, Refused):
        return visit.problem("task-state", detail=made.zh if visit.language == "zh" else made.message)
    return visit.answer(shown_task(made, visit.grant.partner, visit.time_us), status, {"ETag": _etag(made)})


def _etag(task: Task) -> str:
    return f'"{task.id}.{task.version}"'
