"""clausegate tasks: what hub and partners have to do for each other, and until when."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gateway.commands.default_group import with_default
from gateway.commands.terminal import Folder, FormatOption, fail, open_workspace, out, print_json, printable

if TYPE_CHECKING:
    from gateway.store.tasks import AssigneeKind, Task
    from gateway.tasks.authority import NewTask
    from gateway.tasks.rules import Action
    from gateway.workspace import Workspace

NAME = "tasks"
app = typer.Typer(
    name=NAME,
    cls=with_default("list"),
    help="Tasks of the hub's teams and of partners: list, show, create, accept, complete, cancel.",
    no_args_is_help=True,
)
TaskId = Annotated[str, typer.Argument(metavar="ID", help="The task.")]
NoteOption = Annotated[str, typer.Option("--note", metavar="WORDS", help="What there is to say about it.")]
State = Literal["open", "accepted", "completed", "cancelled", "overdue"]
Text = str | None


@app.command("list")
def list_all(
    folder: Folder,
    *,
    state: Annotated[State | None, typer.Option("--state", help="Those in this state, or overdue.")] = None,
    partner: Annotated[Text, typer.Option("--partner", metavar="ID", help="Those that concern it.")] = None,
    team: Annotated[Text, typer.Option("--team", metavar="NAME", help="Those of this team of the hub.")] = None,
    output: FormatOption = "text",
) -> None:
    """List tasks, the one due first first. `tasks DIR` means the same. At most 1,000 are listed."""
    from gateway.commands.reading import reading
    from gateway.commands.tables import print_rows, table
    from gateway.store.tasks import Tasks, Wanted
    from gateway.tasks.shown import shown_task

    workspace, now_us = open_workspace(folder), time.time_ns() // 1000
    wanted = Wanted(
        partner=partner,
        assignee=team,
        states=() if state is None or state == "overdue" else (state,),
        overdue_at_us=now_us if state == "overdue" else None,
        number_max=1_000,
    )
    found = reading(workspace, lambda store: Tasks(store).list(wanted))
    shown = [shown_task(each, "", now_us) for each in found if team is None or each.assignee_kind == "team"]
    if output == "json":
        print_json({"tasks": shown})
        return
    rows = table("task", "state", "due", "assigned to", "from", "title")
    for each in shown:
        rows.add_row(*map(printable, _row(each)))
    print_rows(rows, "there is no task" if partner is team is state is None else "there is no such task")


@app.command()
def show(folder: Folder, task: TaskId, *, output: FormatOption = "text") -> None:
    """Show one task in full: what it is about, who made it, its times, and what was noted."""
    workspace = open_workspace(folder)
    _show(_found(workspace, task), as_json=output == "json")


@app.command()
def create(
    folder: Folder,
    *,
    title: Annotated[str, typer.Option("--title", metavar="WORDS", help="What there is to do, in one line.")],
    due: Annotated[str, typer.Option("--due", metavar="TIME", help="A day, a time, or so long from now: P3D.")],
    team: Annotated[Text, typer.Option("--team", metavar="NAME", help="The team of the hub that is to do it.")] = None,
    partner: Annotated[Text, typer.Option("--partner", metavar="ID", help="Or the partner that is to do it.")] = None,
    title_zh: Annotated[Text, typer.Option("--title-zh", metavar="WORDS", help="The title in Chinese.")] = None,
    details: Annotated[str, typer.Option("--details", metavar="WORDS", help="More about it.")] = "",
    agreement: Annotated[str, typer.Option("--agreement", metavar="NAME", help="What it is about.")] = "",
    product: Annotated[str, typer.Option("--product", metavar="NAME", help="What it is about.")] = "",
    correction: Annotated[str, typer.Option("--correction", metavar="ID", help="What it is about.")] = "",
    output: FormatOption = "text",
) -> None:
    """Give a team of the hub or a partner something to do, until a time in the agreement's zone.

    A day such as 2026-11-30 means until its end. The task is a record on the audit log before it exists; its words are
    kept in the state store, and the log commits to them.
    """
    from gateway.commands.administering import administer
    from gateway.tasks.authority import Refused, TaskAuthority

    workspace = open_workspace(folder)
    about = {"agreement": agreement, "product": product, "correction": correction}
    said = {"title": title, "title_zh": title_zh or "", "due": due, "details": details}
    new = _new_task(workspace, _assignee(workspace, team, partner), said, about)
    made = administer(
        workspace, lambda administration: TaskAuthority(administration.store, administration.writer).create(new)
    )
    if isinstance(made, Refused):
        fail(made.message)
    _show(made, as_json=output == "json")


@app.command()
def accept(folder: Folder, task: TaskId, *, output: FormatOption = "text") -> None:
    """Accept a task that a team of the hub has: it will be done."""
    _act(folder, task, "accept", "", output == "json")


@app.command()
def complete(folder: Folder, task: TaskId, *, note: NoteOption = "", output: FormatOption = "text") -> None:
    """Say that a task is done, which a team of the hub had accepted."""
    _act(folder, task, "complete", note, output == "json")


@app.command()
def cancel(folder: Folder, task: TaskId, *, note: NoteOption = "", output: FormatOption = "text") -> None:
    """Cancel a task that is neither completed nor cancelled; say why."""
    _act(folder, task, "cancel", note, output == "json")


def _act(folder: Path, task_id: str, action: "Action", note: str, as_json: bool) -> None:
    from gateway.commands.acting import account
    from gateway.commands.administering import administer
    from gateway.tasks.authority import Acting, Refused, TaskAuthority
    from gateway.tasks.words import details_fault

    workspace = open_workspace(folder)
    if fault := details_fault(note):
        fail(f"--note: {fault['en']}")
    task, acting = _found(workspace, task_id), Acting("", account(), note)
    done = administer(
        workspace,
        lambda administration: TaskAuthority(administration.store, administration.writer).act(task, action, acting),
    )
    if isinstance(done, Refused):
        fail(f"{task_id}: {done.message}")
    _show(done, as_json=as_json)


def _new_task(
    workspace: "Workspace", to: tuple["AssigneeKind", str], said: dict[str, str], about: dict[str, str]
) -> "NewTask":
    """The task that the options say; a mistake ends the command."""
    from gateway.commands.acting import account
    from gateway.store.tasks import HUB
    from gateway.tasks.authority import NewTask
    from gateway.tasks.due import DueFault, due_of, zone_of
    from gateway.tasks.words import details_fault, is_reference, title_fault

    kind, assignee = to
    titles = (said["title_zh"].strip() or said["title"].strip(), said["title"].strip())
    for option, name in about.items():
        if name and not is_reference(name):
            fail(f"--{option}: {name} is no name")
    if about["agreement"] and about["agreement"] not in workspace.plans.agreements():
        fail(
            f"there is no agreement {about['agreement']}; there are: {', '.join(sorted(workspace.plans.agreements()))}"
        )
    for option, fault in (("title", title_fault(titles)), ("details", details_fault(said["details"]))):
        if fault:
            fail(f"--{option}: {fault['en']}")
    zone = zone_of(workspace.plans, about["agreement"], assignee if kind == "partner" else HUB)
    due_us = due_of(said["due"], time.time_ns() // 1000, zone)
    if isinstance(due_us, DueFault):
        fail(f"--due: {due_us.words['en']}")
    return NewTask(
        created_by=HUB,
        creator=account(),
        assignee_kind=kind,
        assignee=assignee,
        title_zh=titles[0],
        title_en=titles[1],
        zone=zone,
        due_us=due_us,
        details=said["details"],
        **about,
    )


def _assignee(workspace: "Workspace", team: str | None, partner: str | None) -> tuple["AssigneeKind", str]:
    from gateway.tasks.words import is_team

    if (team is None) == (partner is None):
        fail("say who is to do it: --team NAME or --partner ID")
    if team is not None:
        if not is_team(team):
            fail("the name of a team is lower-case letters, digits and hyphens, at most 32")
        return "team", team
    if partner is None or partner not in workspace.plans.partners():
        fail(f"there is no partner {partner}; there are: {', '.join(workspace.plans.partners())}")
    return "partner", partner


def _found(workspace: "Workspace", task_id: str) -> "Task":
    from gateway.commands.reading import reading
    from gateway.store.tasks import Tasks

    found = reading(workspace, lambda store: Tasks(store).find(task_id))
    return found or fail(f"there is no task {task_id}; `clausegate tasks` lists all")


def _row(task: dict[str, Any]) -> tuple[str, ...]:
    state = f"{task['state']}, overdue" if task["overdue"] and task["state"] in {"open", "accepted"} else task["state"]
    assignee = task["assignee"]
    to = assignee["name"] if assignee["kind"] == "partner" else f"team {assignee['name']}"
    return task["id"], state, task["due"], to, task["created_by"], task["title"]["en"]


def _show(task: "Task", *, as_json: bool) -> None:
    from gateway.tasks.shown import shown_task

    shown = shown_task(task, "", time.time_ns() // 1000)
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        if value:
            out().print(f"{name:<12} {_told(value)}", markup=False)


def _told(value: Any) -> str:
    """A value of a task in one line."""
    if isinstance(value, dict):
        return " / ".join(printable(str(each)) for each in dict.fromkeys(value.values()))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return printable(str(value))
