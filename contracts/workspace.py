"""Reads a workspace folder into documents: every file, every mistake, one report."""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar

from msgspec import Struct

from contracts.agreement import Agreement
from contracts.decode import Unions, decode
from contracts.finding import Finding, in_order
from contracts.product import Product
from contracts.service import Service
from contracts.source import SIZE_MAX_BYTES, Source, scan_source, too_large
from policies.clause import Clause
from policies.library import KINDS, Policy

T = TypeVar("T")

FILES_MAX: Final = 20_000
"""Documents of one folder: twice as many agreements as compile in the time that `bench/README.md` gives."""
TOTAL_MAX_BYTES: Final = 64 * 1024 * 1024
"""All documents together: they are held in memory, as text and as values, while they are compiled."""
UNIONS: Final[Unions] = {Clause: KINDS}


class Loaded(Struct, Generic[T], frozen=True):
    """A document and where it was read from, so that its meaning can be criticised by file and line."""

    value: T
    source: Source


class Broken(Struct, frozen=True):
    """A document that was read and not understood: naming it is no mistake of the document that does.

    `name` and `version` are None where not even they can be read.
    """

    file: str
    name: str | None
    version: str | None


class Documents(Struct, frozen=True):
    """All documents of a workspace, in order of file name."""

    products: tuple[Loaded[Product], ...] = ()
    policies: tuple[Loaded[Policy], ...] = ()
    agreements: tuple[Loaded[Agreement], ...] = ()
    services: tuple[Loaded[Service], ...] = ()
    broken_products: tuple[Broken, ...] = ()
    broken_policies: tuple[Broken, ...] = ()
    broken_services: tuple[Broken, ...] = ()


class _Folder(NamedTuple):
    """One folder of a workspace: which files are read, as what, and which key holds a document's name."""

    name: str
    suffix: str
    kind: type
    key: str


_FOLDERS = (
    _Folder("products", ".odcs.yaml", Product, "name"),
    _Folder("policies", ".yaml", Policy, "policy"),
    _Folder("services", ".openapi.yaml", Service, "x-service"),
    _Folder("agreements", ".yaml", Agreement, "agreement"),
)


def is_broken(broken: tuple[Broken, ...], name: str, version: str | None = None) -> bool:
    """Whether `name` (at `version`) may be one of those that were not understood."""
    return any(
        document.name in (name, None) and (version is None or document.version in (version, None))
        for document in broken
    )


def read_workspace(folder: Path) -> tuple[Documents, list[Finding]]:
    """Read products/*.odcs.yaml, policies/*.yaml, services/*.openapi.yaml and agreements/*.yaml below `folder`.

    Never raises for what is in the folder: whatever cannot be read is a finding. Files are named relative to it.
    """
    if not folder.is_dir():
        message = "this is not a folder: a workspace holds products/, policies/ and agreements/"
        return Documents(), [Finding("workspace-missing", message, str(folder), 1)]
    files: dict[str, bytes] = {}
    findings: list[Finding] = []
    if not any((folder / kind.name).is_dir() for kind in _FOLDERS):
        message = "this folder has no products, policies or agreements folder: it is no workspace"
        return Documents(), [Finding("workspace-empty", message, str(folder), 1)]
    total_bytes = 0
    for name in [name for kind in _FOLDERS for name in _names(folder, kind, findings)]:
        data = _read(folder, name)
        if isinstance(data, Finding):
            findings.append(data)
            continue
        total_bytes += len(data)
        if total_bytes > TOTAL_MAX_BYTES:
            message = f"with this file the documents are more than {TOTAL_MAX_BYTES} bytes in all"
            return Documents(), in_order([*findings, Finding("workspace-too-large", message, name, 1)])
        files[name] = data
    documents, mistakes = decode_documents(files)
    return documents, in_order([*findings, *mistakes])


def decode_documents(files: Mapping[str, bytes]) -> tuple[Documents, list[Finding]]:
    """Decode documents by file name, `policies/standard.yaml`; the folder says which kind.

    Files that belong to no kind are left alone.
    """
    findings: list[Finding] = []
    loaded: dict[str, list[Loaded[Any]]] = {kind.name: [] for kind in _FOLDERS}
    broken: dict[str, list[Broken]] = {kind.name: [] for kind in _FOLDERS}
    for name in sorted(files):
        kind = next((kind for kind in _FOLDERS if _belongs(kind, name)), None)
        if kind is None:
            continue
        source, mistakes = scan_source(files[name], name)
        value = decode(source, kind.kind, UNIONS) if source is not None else []
        if isinstance(value, list):
            mistakes = [*mistakes, *value]
        if source is None or mistakes:
            findings += mistakes
            broken[kind.name].append(_broken(name, kind, source))
        else:
            loaded[kind.name].append(Loaded(value, source))
    documents = Documents(
        tuple(loaded["products"]),
        tuple(loaded["policies"]),
        tuple(loaded["agreements"]),
        tuple(loaded["services"]),
        tuple(broken["products"]),
        tuple(broken["policies"]),
        tuple(broken["services"]),
    )
    return documents, in_order(findings)


def decode_document(data: bytes, file: str) -> Loaded[Any] | list[Finding]:
    """One document as the kind that it says it is, by the key that holds its name; or every mistake of it."""
    source, mistakes = scan_source(data, file)
    if source is None:
        return mistakes
    named: tuple[tuple[str, type], ...] = (
        ("agreement", Agreement),
        ("policy", Policy),
        ("kind", Product),
        ("openapi", Service),
    )
    for key, kind in named:
        if key in source.data:
            value = decode(source, kind, UNIONS)
            found = [*mistakes, *(value if isinstance(value, list) else [])]
            return found or Loaded(value, source)
    message = (
        "a product has `kind: DataContract`, a policy `policy`, an agreement `agreement`, a service `openapi`: "
        "this file has none"
    )
    return [*mistakes, source.finding("missing-key", message)]


def _belongs(kind: _Folder, name: str) -> bool:
    return name.startswith(f"{kind.name}/") and name.endswith(kind.suffix)


def _broken(file: str, kind: _Folder, source: Source | None) -> Broken:
    data = source.data if source is not None else {}
    name, version = data.get(kind.key), data.get("version")
    return Broken(file, name if isinstance(name, str) else None, version if isinstance(version, str) else None)


def _names(folder: Path, kind: _Folder, findings: list[Finding]) -> Iterator[str]:
    """The documents of one folder, by name, at most FILES_MAX. A folder that is not there holds none."""
    try:
        entries = sorted(os.listdir(folder / kind.name))
    except FileNotFoundError:
        return
    except OSError as error:
        findings.append(Finding("file-unreadable", _why(error), kind.name, 1))
        return
    count = 0
    for entry in entries:
        name = f"{kind.name}/{entry}"
        if entry.startswith("."):
            continue
        if not _belongs(kind, name):
            if entry.endswith((".yaml", ".yml", ".json")):
                message = f"not read: documents of this folder are called *{kind.suffix}"
                findings.append(Finding("file-ignored", message, name, 1, severity="warning"))
            continue
        count += 1
        if count > FILES_MAX:
            findings.append(Finding("too-many-files", f"more than {FILES_MAX} documents", kind.name, 1))
            return
        yield name


def _read(folder: Path, name: str) -> bytes | Finding:
    """A file's bytes. It is opened, without waiting, before it is judged: no pipe or swapped file can come between."""
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return Finding("file-outside", "a symbolic link leads out of the workspace", name, 1)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, RuntimeError) as error:
        return Finding("file-unreadable", _why(error), name, 1)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Finding("file-not-regular", "this is not a regular file", name, 1)
        if status.st_size > SIZE_MAX_BYTES:
            return too_large(name, status.st_size)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            # one byte more than allowed: a file that grew meanwhile is refused by its size
            return file.read(SIZE_MAX_BYTES + 1)
    except OSError as error:
        return Finding("file-unreadable", _why(error), name, 1)
    finally:
        os.close(descriptor)


def _why(error: OSError | RuntimeError) -> str:
    """The system's reason without its path, which may be private to the machine."""
    code = error.errno if isinstance(error, OSError) else errno.ELOOP
    return os.strerror(code) if code else "cannot be read"
