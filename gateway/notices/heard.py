"""What was announced and suspended, as the log alone says it: its records, and the documents by their hashes.

Subjects are `<id> <kind>` for notices and `<id> <agreement> <hub|partner>` for suspensions.
"""

from collections.abc import Mapping

from msgspec import Struct

from gateway.audit.leaf import Authority, Entry
from gateway.notices.known import Announced, Known, Side, Suspended, hash_of, notice_of


class _Said(Struct, frozen=True):
    time_us: int
    contract: str = ""


class Heard:
    """Hears every record of a log, in any order of writers, and knows then what was announced and suspended.

    `documents` are canonical JSON by SHA-256; each is hashed again before it is believed.
    """

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._documents = documents
        self._published: dict[str, _Said] = {}
        self._withdrawn: dict[str, _Said] = {}
        self._begun: dict[str, Suspended] = {}
        self._ended: dict[str, int] = {}

    def hear(self, entry: Entry) -> None:
        """Take one record; those of anything else are let pass."""
        if type(entry) is not Authority:
            return
        parts = entry.subject.split(" ")
        said = _Said(entry.time_us, entry.contract)
        match entry.event:
            case "notice-published":
                # One record for each partner; of an attempt that was not finished there may be earlier ones.
                _keep_latest(self._published, parts[0], said)
            case "notice-withdrawn":
                _keep_earliest(self._withdrawn, parts[0], said)
            case "suspension-begun" if len(parts) == 3 and parts[2] in ("hub", "partner"):
                by: Side = "hub" if parts[2] == "hub" else "partner"
                self._begun[parts[0]] = Suspended(parts[0], parts[1], by, entry.time_us)
            case "suspension-ended":
                # The first one counts, as in the state store.
                self._ended[parts[0]] = min(entry.time_us, self._ended.get(parts[0], entry.time_us))

    def known(self) -> Known:
        """Everything that was heard, in order of time."""
        found: list[Announced] = []
        unresolved: list[str] = []
        for notice_id, said in sorted(self._published.items(), key=lambda each: (each[1].time_us, each[0])):
            data = self._documents.get(said.contract)
            notice = notice_of(data) if data is not None and hash_of(data) == said.contract else None
            if notice is None or notice.notice != notice_id:
                unresolved.append(notice_id)
                continue
            withdrawn = self._withdrawn.get(notice_id)
            found.append(Announced(notice, said.time_us, withdrawn.time_us if withdrawn else None))
        return Known(tuple(found), self._suspensions(), tuple(unresolved))

    def _suspensions(self) -> tuple[Suspended, ...]:
        return tuple(
            Suspended(each.id, each.agreement, each.by, each.begun_us, self._ended.get(each.id))
            for each in sorted(self._begun.values(), key=lambda each: (each.begun_us, each.id))
        )


def _keep_latest(known: dict[str, _Said], name: str, said: _Said) -> None:
    if name not in known or said.time_us >= known[name].time_us:
        known[name] = said


def _keep_earliest(known: dict[str, _Said], name: str, said: _Said) -> None:
    if name not in known or said.time_us < known[name].time_us:
        known[name] = said
