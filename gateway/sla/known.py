"""What a gateway that starts has to know of the log: what is in force, which keys are on it, what was counted."""

from gateway.audit.leaf import Authority, Entry
from gateway.people.sign_offs import SignOffs
from gateway.sla.following import Following, Writers, siblings
from gateway.sla.tally import Tally
from gateway.workspace import Workspace

_SETTLED_US = 5_000_000
"""So long after its time limit a commit that hung has been taken back, or the process is gone."""


class Known:
    """What the log says is in force and known, of all workers."""

    def __init__(self) -> None:
        self.activated: dict[str, str] = {}
        self.keys: set[str] = set()
        self.sign_offs = SignOffs()

    def hear(self, entry: Entry) -> None:
        """Take note of a record."""
        self.sign_offs.hear(entry)
        if isinstance(entry, Authority):
            if entry.event == "agreement-activated":
                self.activated[entry.subject] = entry.contract
            elif entry.event in ("key-created", "key-rotated"):
                self.keys.add(entry.subject)


def follow_writers(workspace: Workspace, tally: Tally, known: Known) -> Following:
    """Counts what the log of a workspace holds, and will hold of other workers."""
    settings = workspace.settings

    def hear(entry: Entry) -> None:
        known.hear(entry)
        tally.hear(entry)

    return Following(
        settings.log_path(workspace.folder),
        tally.replay,
        Writers(settings.writer, siblings(settings.writer, settings.workers)),
        hear=hear,
        undecided_us=settings.commit_timeout_ms * 1000 + _SETTLED_US,
    )
