"""Reads a YAML document into plain values that remember their lines, and refuses whatever could be read two ways.

Scalars are those of YAML 1.2's JSON-like core and nothing else: true, false, null, ~, empty, decimal whole numbers and
decimal fractions. All other plain text stays text: yes, no, on, 0123, 1:30 and dates included. Anchors, aliases, merge
keys and tags are refused: a document says what it says where it says it, and cannot grow while it is read.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import yaml
from msgspec import Struct

from contracts.finding import Finding, KeyPath, clipped, path_text

SIZE_MAX_BYTES: Final = 2 * 1024 * 1024
"""The longest agreement we know of is 200 KB: ten times that, and parsing still takes less than a second."""
DEPTH_MAX: Final = 64
VALUES_MAX: Final = 100_000
FINDINGS_MAX: Final = 200
INTEGER_MAX: Final = 2**53 - 1
"""RFC 8785 hashes documents as JSON, where greater whole numbers are not exact."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: Final[dict[str, bool | None]] = {"": None, "~": None, "null": None, "true": True, "false": False}


class Unread:
    """Stands for a value that a finding already names: nothing more is said about it."""


UNREAD: Final = Unread()


class Source(Struct, frozen=True):
    """A document as plain values (dict, list, str, int, float, bool, None), and the line of each key and item."""

    file: str
    data: dict[str, Any]
    lines: Mapping[KeyPath, int]

    def line_of(self, path: KeyPath) -> int:
        """The line of the value at `path`, or of the nearest value around it that exists."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return self.lines.get((), 1)

    def finding(self, code: str, message: str, path: KeyPath = ()) -> Finding:
        """A mistake at `path` of this document."""
        return Finding(code, message, self.file, self.line_of(path), path_text(path))


def read_source(data: bytes, file: str) -> Source | list[Finding]:
    """The document in `data`, or every reason why it is none."""
    source, findings = scan_source(data, file)
    return source if source is not None and not findings else findings


def scan_source(data: bytes, file: str) -> tuple[Source | None, list[Finding]]:
    """As `read_source`, but with a document beside its findings where the rest of it can still be judged.

    Such a document holds UNREAD for each value that a finding names, and the first of each key given twice.
    """
    refused = _refuse_bytes(data, file)
    if refused is not None:
        return None, [refused]
    text = data.decode("utf-8-sig")
    reader = _Reader(file)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
            if reader.stopped:
                return None, reader.findings
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark if error.problem_mark is not None else error.context_mark
        message = ", ".join(clipped(part, 120) for part in (error.context, error.problem) if part)
        return None, [*reader.findings, Finding("yaml-syntax", message, file, mark.line + 1 if mark else 1)]
    except yaml.reader.ReaderError as error:
        # libyaml counts bytes of its own UTF-8 copy, which has no byte order mark
        line = text.encode()[: error.position].count(b"\n") + 1
        return None, [*reader.findings, Finding("yaml-syntax", str(error.reason), file, line)]
    return reader.result()


def _refuse_bytes(data: bytes, file: str) -> Finding | None:
    """What can be said before anything is parsed."""
    if len(data) > SIZE_MAX_BYTES:
        return too_large(file, len(data))
    nul = data.find(b"\0")
    if nul >= 0:
        return Finding("nul-byte", "a NUL byte: this is no text file", file, data.count(b"\n", 0, nul) + 1)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Finding("not-utf8", f"byte {error.start} is not UTF-8: save the file as UTF-8 text", file, line)
    return None


def too_large(file: str, size_bytes: int) -> Finding:
    """The finding for a file over SIZE_MAX_BYTES, for those who know its size without reading it."""
    return Finding("too-large", f"{size_bytes} bytes: a document has at most {SIZE_MAX_BYTES}", file, 1)


class _Open(Struct):
    """A mapping or list whose end has not come. `key` waits for its value; UNREAD, the value is dropped."""

    values: Any
    path: KeyPath
    key: str | Unread | None = None


class _Reader:
    """Builds plain values from parser events with a stack of its own, so that depth and size are bounded here."""

    def __init__(self, file: str) -> None:
        self.findings: list[Finding] = []
        self.stopped = False
        self._file = file
        self._lines: dict[KeyPath, int] = {}
        self._stack: list[_Open] = []
        self._root: Any = None
        self._documents = 0
        self._values = 0
        self._skipping = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event. Once `stopped` is True no further event is wanted."""
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents == 2:
                self._stop("several-documents", "a second document begins here: one file holds one document", line)
        elif isinstance(event, yaml.AliasEvent):
            self._find("anchor", f"alias *{clipped(event.anchor or '')}: write the value itself", line)
            self._value(UNREAD, line)
        elif isinstance(event, yaml.ScalarEvent):
            self._properties(event, line)
            if "\0" in event.value:
                self._find("nul-byte", "the escaped character NUL", line)
            self._scalar(event, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._properties(event, line)
            self._begin({} if isinstance(event, yaml.MappingStartEvent) else [], line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()

    def result(self) -> tuple[Source | None, list[Finding]]:
        """What was read, after the last event."""
        if self._root is UNREAD:
            return None, self.findings
        if not isinstance(self._root, dict):
            self._find("not-a-mapping", "a document is a mapping of keys to values, at the top level", 1)
            return None, self.findings
        return Source(self._file, self._root, self._lines), self.findings

    def _properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, line: int) -> None:
        if event.anchor is not None:
            self._find("anchor", f"anchor &{clipped(event.anchor)}: write the value where it is used", line)
        if event.tag is not None:
            self._find("yaml-tag", f"tag {clipped(event.tag)}: values say their type by themselves", line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        plain = bool(event.implicit[0])
        if self._key_is_next():
            self._key(event.value, plain, line)
            return
        self._value(self._resolve(event.value, line) if plain else event.value, line)

    def _key_is_next(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].values, dict) and self._stack[-1].key is None

    def _key(self, text: str, plain: bool, line: int) -> None:
        mapping = self._stack[-1]
        if plain and text == "<<":
            self._stop("merge-key", "merge key <<: write the keys themselves", line)
            return
        if plain and (text in _WORDS or _FRACTION.fullmatch(text) or _NOT_FINITE.fullmatch(text)):
            self._find("key-not-text", f'a key is text: write it in quotes, "{clipped(text)}"', line)
        path = (*mapping.path, text)
        mapping.key = text
        if text in mapping.values:
            earlier = self._lines.get(path, line)
            self._find("duplicate-key", f"{clipped(text)} was already given on line {earlier}", line, path)
        elif not self._skipping:
            self._lines[path] = line

    def _resolve(self, text: str, line: int) -> Any:
        """The value of plain text."""
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            # int() of very long text is slow and refused by Python: its length says enough
            if len(text) <= 17 and abs(int(text)) <= INTEGER_MAX:
                return int(text)
            message = f"{clipped(text)} is beyond {INTEGER_MAX}: write it in quotes, as text"
            self._find("number-too-large", message, line, self._next_path())
            return UNREAD
        if _NOT_FINITE.fullmatch(text) or (_FRACTION.fullmatch(text) and not math.isfinite(float(text))):
            self._find("number-not-finite", f"{clipped(text)} is not a finite number", line, self._next_path())
            return UNREAD
        return float(text) if _FRACTION.fullmatch(text) else text

    def _next_path(self) -> KeyPath:
        """Where the value that is being read belongs."""
        if not self._stack:
            return ()
        parent = self._stack[-1]
        step = parent.key if isinstance(parent.values, dict) else len(parent.values)
        return (*parent.path, step) if isinstance(step, str | int) else parent.path

    def _value(self, value: Any, line: int) -> None:
        """Put a value where it belongs."""
        self._values += 1
        if self._values > VALUES_MAX:
            self._stop("too-many-values", f"more than {VALUES_MAX} values", line)
            return
        if not self._stack:
            self._root = value
            return
        parent = self._stack[-1]
        if isinstance(parent.values, list):
            if not self._skipping:
                self._lines[(*parent.path, len(parent.values))] = line
            parent.values.append(value)
        elif parent.key is None:
            self._find("key-not-text", "a key is text, not a list, a mapping or an alias", line)
            parent.key = UNREAD
        elif isinstance(parent.key, Unread):
            parent.key = None
        else:
            parent.values.setdefault(parent.key, value)
            parent.key = None

    def _begin(self, values: Any, line: int) -> None:
        if len(self._stack) >= DEPTH_MAX:
            self._stop("nested-too-deeply", f"more than {DEPTH_MAX} levels", line)
            return
        path = self._next_path()
        if self._skipping or self._is_dropped():
            # the lines of what is dropped must not overwrite those of what is kept
            self._skipping += 1
        if not self._stack:
            self._lines[()] = line
        self._value(values, line)
        self._stack.append(_Open(values, path))

    def _is_dropped(self) -> bool:
        """Whether the value that begins is a key itself, or belongs to a key that was refused or given before."""
        if not self._stack or isinstance(self._stack[-1].values, list):
            return False
        parent = self._stack[-1]
        return not isinstance(parent.key, str) or parent.key in parent.values

    def _end(self) -> None:
        self._stack.pop()
        if self._skipping:
            self._skipping -= 1

    def _find(self, code: str, message: str, line: int, path: KeyPath = ()) -> None:
        if len(self.findings) >= FINDINGS_MAX:
            self._stop("too-many-findings", f"only the first {FINDINGS_MAX} mistakes are listed", line)
            return
        self.findings.append(Finding(code, message, self._file, line, path_text(path)))

    def _stop(self, code: str, message: str, line: int) -> None:
        if not self.stopped:
            self.findings.append(Finding(code, message, self._file, line))
            self.stopped = True
