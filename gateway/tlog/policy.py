"""C2SP tlog-policy: which logs are known, which witnesses, and how many of them have to have cosigned."""

import re
from collections.abc import Set as AbstractSet

from msgspec import Struct

from gateway.tlog.note import COSIGNATURE, ED25519, Note, VerifierKey, parse_vkey, verified
from gateway.tlog.spelling import parse_decimal

NONE = "none"
"""The quorum that asks for no witness; nothing else may have this name."""

_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


class LogLine(Struct, frozen=True):
    """A known log. `url` is "" when none is given."""

    key: VerifierKey
    url: str


class WitnessLine(Struct, frozen=True):
    """A known witness, by its name in the policy. `url` is its submission prefix, "" when none is given."""

    name: str
    key: VerifierKey
    url: str


class Group(Struct, frozen=True):
    """Witnesses when at least `threshold` of its members do."""

    name: str
    threshold: int
    members: tuple[str, ...]


class Policy(Struct, frozen=True):
    """`quorum` is the name of a witness or group, or "none"."""

    logs: tuple[LogLine, ...]
    witnesses: tuple[WitnessLine, ...]
    groups: tuple[Group, ...]
    quorum: str

    def is_met(self, names: AbstractSet[str]) -> bool:
        """Whether these witnesses (names of the policy) are a quorum."""
        if self.quorum == NONE:
            return True
        met = {witness.name for witness in self.witnesses if witness.name in names}
        for group in self.groups:  # Each stands behind its members.
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return self.quorum in met

    def witnessed(self, note: Note) -> dict[str, int]:
        """Which of the policy's witnesses have cosigned the note: name -> Unix seconds."""
        times: dict[str, int] = {}
        for witness in self.witnesses:
            signed = verified(note, witness.key)
            if signed is not None and signed.time_s is not None:
                times[witness.name] = signed.time_s
        return times


class PolicyFault(Struct, frozen=True):
    """What is wrong with a policy file, and in which line (from 1)."""

    line: int
    message: str


NO_WITNESSES = Policy((), (), (), "none")


def parse_policy(text: str) -> Policy | PolicyFault:
    """The policy that a file says, or its first mistake."""
    reader = _Reader()
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        message = reader.take(line)
        if message:
            return PolicyFault(number, message)
    if reader.quorum is None:
        return PolicyFault(len(lines), "there is no quorum line; `quorum none` asks for no witness")
    return Policy(tuple(reader.logs), tuple(reader.witnesses), tuple(reader.groups), reader.quorum)


class _Reader:
    """What the lines so far have defined. Each method gives what is wrong with its line, "" when nothing is."""

    def __init__(self) -> None:
        self.logs: list[LogLine] = []
        self.witnesses: list[WitnessLine] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self._defined: set[str] = set()
        self._grouped: set[str] = set()

    def take(self, line: str) -> str:
        if _FORBIDDEN.search(line):
            return "a control character other than tab"
        items = [item for item in re.split("[ \t]+", line) if item]
        if not items or items[0].startswith("#"):
            return ""
        match items:
            case ["log", vkey, *url] if len(url) < 2:
                return self._log(vkey, "".join(url))
            case ["witness", name, vkey, *url] if len(url) < 2:
                return self._witness(name, vkey, "".join(url))
            case ["group", name, threshold, *members] if members:
                return self._group(name, threshold, members)
            case ["quorum", name]:
                return self._quorum(name)
            case ["log" | "witness" | "group" | "quorum" as keyword, *_]:
                return f"`{keyword}` has too few or too many items"
        return "a line starts with log, witness, group, quorum or #"

    def _log(self, vkey: str, url: str) -> str:
        key = parse_vkey(vkey)
        if key is None or key.kind != ED25519:
            return "this is no verifier key of a log (Ed25519, type 0x01)"
        if any(log.key.public == key.public for log in self.logs):
            return "a log with this public key is defined already"
        self.logs.append(LogLine(key, url))
        return ""

    def _witness(self, name: str, vkey: str, url: str) -> str:
        key = parse_vkey(vkey)
        if key is None or key.kind != COSIGNATURE:
            return "this is no verifier key of a witness (cosignature/v1, type 0x04)"
        if any(witness.key.public == key.public for witness in self.witnesses):
            return "a witness with this public key is defined already"
        self.witnesses.append(WitnessLine(name, key, url))
        return self._define(name)

    def _group(self, name: str, threshold: str, members: list[str]) -> str:
        count = {"any": 1, "all": len(members)}.get(threshold, parse_decimal(threshold))
        if count is None or not 1 <= count <= len(members):
            return f"a group of {len(members)} needs any, all, or a number from 1 to {len(members)}"
        for member in members:
            if member not in self._defined:
                return f"{member!r} is not defined in a line above"
            if member in self._grouped:
                return f"{member!r} is a member already, and can be one only once"
            self._grouped.add(member)
        self.groups.append(Group(name, count, tuple(members)))
        return self._define(name)

    def _quorum(self, name: str) -> str:
        if self.quorum is not None:
            return "there is a quorum line already"
        if name != NONE and name not in self._defined:
            return f"{name!r} is not defined in a line above"
        self.quorum = name
        return ""

    def _define(self, name: str) -> str:
        if name == NONE or name in self._defined:
            return f"{name!r} is taken"
        self._defined.add(name)
        return ""
