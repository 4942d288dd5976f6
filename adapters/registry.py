"""backends.toml: which kinds of backend there are, what is wrong with the file, and the adapter of each backend.

A kind is a public subclass of Backend in a file of this folder, with its tag as its name.
"""

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeGuard, TypeVar, runtime_checkable

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

import adapters
from adapters.base import Adapter, Backend

FILE_BYTES_MAX = 1024 * 1024
SERVICES = "services"
"""The table of backends.toml that is no backend: below it are partners' own interfaces (gateway/outbound/target.py)."""
TableT = TypeVar("TableT", bound=Struct)
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOML_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)|\s*\(at end of document\)")


class BackendFault(Struct, frozen=True):
    """A mistake in backends.toml. `table` is the backend, `path` the dotted place; `line` where it is known.

    `message` never holds a value of the file or of the environment: either may be a secret.
    """

    table: str
    path: str
    line: int | None
    message: str


@runtime_checkable
class _Connects(Protocol):
    """What every kind can do."""

    def connect(self) -> Adapter: ...


@runtime_checkable
class _Judges(Protocol):
    """A kind whose fields can contradict each other: (field, what is wrong)."""

    def faults(self) -> list[tuple[str, str]]: ...


@runtime_checkable
class _Moves(Protocol):
    """A kind with paths relative to the workspace."""

    def within(self, folder: Path) -> Backend: ...


def _discover() -> Iterator[tuple[str, type[Backend]]]:
    for info in sorted(pkgutil.iter_modules(adapters.__path__), key=lambda module: module.name):
        if f"adapters.{info.name}" == __name__:
            continue
        module = importlib.import_module(f"adapters.{info.name}")
        for member in vars(module).values():
            if _is_kind(member) and member.__module__ == module.__name__:
                yield str(member.__struct_config__.tag), member


def _is_kind(member: object) -> TypeGuard[type[Backend]]:
    if not isinstance(member, type) or not issubclass(member, Backend):
        return False
    return member is not Backend and not member.__name__.startswith("_")


KINDS: Mapping[str, type[Backend]] = dict(_discover())
"""Every kind by the name that backends.toml calls it."""


def connect(backend: Backend) -> Adapter:
    """A live adapter for a backend. Nothing is opened before the first call."""
    if not isinstance(backend, _Connects):
        raise TypeError(f"{type(backend).__name__} has no connect()")
    return backend.connect()


def read_backends(
    text: str, folder: Path, environment: Mapping[str, str]
) -> tuple[dict[str, Backend], list[BackendFault]]:
    """Read backends.toml: the backends without a mistake, by name, and all mistakes of the file.

    `${NAME}` in any text is replaced from `environment`; file names are found from `folder`, the workspace.
    """
    if len(text) > FILE_BYTES_MAX:
        return {}, [BackendFault("", "", 1, f"larger than {FILE_BYTES_MAX:,} characters")]
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return {}, [_syntax_fault(str(error), text)]
    except RecursionError:
        return {}, [BackendFault("", "", 1, "nested too deeply")]
    lines = _lines(text)
    backends: dict[str, Backend] = {}
    found: list[BackendFault] = []
    for name, table in document.items():
        if name == SERVICES:
            continue
        outcome = _backend(table, folder, environment)
        if isinstance(outcome, Backend):
            backends[name] = outcome
        else:
            found += [
                BackendFault(name, ".".join([name, *path]), _line_of(lines, (name, *path)), message)
                for path, message in outcome
            ]
    return backends, found


def read_services(
    text: str, kind: type[TableT], environment: Mapping[str, str]
) -> tuple[dict[str, TableT], list[BackendFault]]:
    """The tables below `[services]`, each as a `kind`, by name; and all mistakes of them. `${NAME}` as in backends.

    A file that is no TOML has no services: `read_backends` says what is wrong with it.
    """
    try:
        tables = tomllib.loads(text).get(SERVICES, {}) if len(text) <= FILE_BYTES_MAX else {}
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}, []
    if not isinstance(tables, dict):
        return {}, [BackendFault(SERVICES, SERVICES, None, "is no table: write [services.<name>]")]
    lines = _lines(text)
    services: dict[str, TableT] = {}
    found: list[BackendFault] = []
    for name, table in tables.items():
        service = _service(kind, table, environment)
        if isinstance(service, Struct):
            services[name] = service
        else:
            found += [
                BackendFault(name, ".".join([SERVICES, name, *path]), _line_of(lines, (SERVICES, name, *path)), message)
                for path, message in service
            ]
    return services, found


_Mistakes = list[tuple[tuple[str, ...], str]]


def _backend(table: Any, folder: Path, environment: Mapping[str, str]) -> Backend | _Mistakes:
    """One table as a backend, or everything that is wrong with it."""
    if not isinstance(table, dict):
        return [((), "is no table: a backend is written as [name] with kind = ... below it")]
    kind = KINDS.get(table["kind"]) if isinstance(table.get("kind"), str) else None
    known = ", ".join(sorted(KINDS))
    if kind is None:
        return [(("kind",) if "kind" in table else (), f"say the kind of backend: kind is one of {known}")]
    mistakes: _Mistakes = []
    own = {key: value for key, value in table.items() if key != "kind"}
    values = _values(kind, own, environment, mistakes)
    if mistakes:
        return mistakes
    backend = kind(**values)
    if isinstance(backend, _Judges):
        mistakes += [(tuple(field.split(".", 1)), message) for field, message in backend.faults()]
    if mistakes:
        return mistakes
    return backend.within(folder) if isinstance(backend, _Moves) else backend


def _service(kind: type[TableT], table: Any, environment: Mapping[str, str]) -> TableT | _Mistakes:
    """One table below [services], or everything that is wrong with it."""
    if not isinstance(table, dict):
        return [((), "is no table: a service is written as [services.<name>] with url = ... below it")]
    mistakes: _Mistakes = []
    values = _values(kind, table, environment, mistakes)
    if mistakes:
        return mistakes
    service = kind(**values)
    if isinstance(service, _Judges):
        mistakes += [(tuple(field.split(".", 1)), message) for field, message in service.faults()]
    return mistakes or service


def _values(
    kind: type[Struct], table: Mapping[str, Any], environment: Mapping[str, str], mistakes: _Mistakes
) -> dict[str, Any]:
    """The fields of a table, with what the environment holds in place."""
    resolved = {key: _resolve(value, (key,), environment, mistakes) for key, value in table.items()}
    return _typed(kind, resolved, {path[0] for path, _ in mistakes}, mistakes)


def _typed(kind: type[Struct], table: Mapping[str, Any], broken: set[str], mistakes: _Mistakes) -> dict[str, Any]:
    """Each field of its own, so that one mistake does not hide the next."""
    known = {info.encode_name: info for info in fields(kind)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            mistakes.append(((key,), f"unknown field; {_called(kind)} has {', '.join(known)}"))
        elif key not in broken:
            try:
                values[key] = msgspec.convert(value, known[key].type)
            except msgspec.ValidationError as error:
                mistakes.append(((key,), _expected(error)))
    mistakes += [((), f"{name} is missing") for name, info in known.items() if name not in table and _is_required(info)]
    return values


def _called(kind: type[Struct]) -> str:
    return f"a {kind.__struct_config__.tag} backend" if issubclass(kind, Backend) else "a service"


def _is_required(info: FieldInfo) -> bool:
    return info.default is NODEFAULT and info.default_factory is NODEFAULT


def _expected(error: msgspec.ValidationError) -> str:
    """msgspec names types, bounds and places, and no value."""
    message = str(error)
    return message[:1].lower() + message[1:]


def _resolve(value: Any, path: tuple[str, ...], environment: Mapping[str, str], mistakes: _Mistakes) -> Any:
    """Every text with its placeholders replaced, once: what a variable holds is taken as it is."""
    if isinstance(value, dict):
        return {key: _resolve(inner, (*path, key), environment, mistakes) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolve(inner, path, environment, mistakes) for inner in value]
    if not isinstance(value, str):
        return value
    missing = [name for name in _PLACEHOLDER.findall(value) if name not in environment]
    for name in dict.fromkeys(missing):
        said = f"the environment has no variable {name}" if _VARIABLE.fullmatch(name) else "${...} names no variable"
        mistakes.append((path, said))
    return value if missing else _PLACEHOLDER.sub(lambda match: environment[match[1]], value)


def _syntax_fault(message: str, text: str) -> BackendFault:
    where = _TOML_LINE.search(message)
    line = int(where[1]) if where and where[1] else max(1, len(text.splitlines()))
    return BackendFault("", "", line, f"no TOML: {_TOML_LINE.sub('', message)}")


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Where tables and keys begin, as far as a glance tells: tomllib itself keeps no places."""
    places: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
            table = _names(header[1])
            places.setdefault(table, number)
        elif key := re.match(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=", line):
            places.setdefault((*table, *_names(key[1])), number)
    return places


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(found.strip("\"'") for found in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s]+", dotted))


def _line_of(lines: Mapping[tuple[str, ...], int], path: tuple[str, ...]) -> int | None:
    """The line of the place, or of the nearest thing around it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None
