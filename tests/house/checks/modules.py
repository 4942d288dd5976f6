"""Checks on how files hang together: which modules nothing leads to."""

import ast
from collections.abc import Collection, Mapping


def imports(name: str, text: str, is_package: bool) -> set[str]:
    """Every module that a module may load: by import, anywhere in it, or by a string that is a module's dotted name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=module, names=names, level=level):
                base = _absolute(name, is_package, level, module)
                found |= {base} | {f"{base}.{alias.name}" for alias in names}
            case ast.Constant(value=str(value)):
                found.add(value.partition(":")[0])  # "gateway.demo.backend", run as a process of its own
    return found


def unreachable(sources: Mapping[str, str], roots: Collection[str], discovered: Collection[str]) -> list[str]:
    """Modules that no root leads to. `discovered` are packages whose modules are loaded by walking the folder."""
    packages = {parent for name in sources for parent in _parents(name)}
    reached: set[str] = set()
    waiting = [root for root in roots if root in sources]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        leads_to = imports(name, sources[name], name in packages)
        if name in discovered:
            leads_to |= {other for other in sources if other.rpartition(".")[0] == name}
        leads_to |= set(_parents(name))
        waiting += [found for found in leads_to if found in sources and found not in reached]
    return sorted(set(sources) - reached)


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _absolute(name: str, is_package: bool, level: int, module: str | None) -> str:
    if level == 0:
        return module or ""
    parts = name.split(".")
    base = parts[: len(parts) - level + (1 if is_package else 0)]
    return ".".join([*base, *([module] if module else [])])
