"""What an OS definition is, and what is wrong with one."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from attrs import frozen

from ganeti_tw.agent.figures import read_text
from ganeti_tw.errors import NotFound, WrongState
from ganeti_tw.kernel import Blocking
from ganeti_tw.protocol.node import OsStatus

API_VERSIONS = (10, 15, 20)
DEADLINE = 10.0


@frozen
class OsDefinition:
    """A definition that can be used.  ``api`` is the highest version both sides speak."""

    name: str
    path: str
    api: int
    variants: tuple[str, ...]

    def variant_of(self, os_name: str) -> str:
        """The variant an instance with this OS gets: the one named, the first, or none."""
        if not self.variants:
            return ""
        return os_name.partition("+")[2] or self.variants[0]


def parse_variants(text: str) -> tuple[str, ...]:
    """From ``variants.list``: a name per line, ``#`` starts a comment line."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def parse_parameters(text: str) -> tuple[tuple[str, str], ...]:
    """From ``parameters.list``: (name, description) per line; names in lower case."""
    pairs = []
    for line in text.splitlines():
        name, _, description = line.strip().partition(" ")
        if name and not name.startswith("#"):
            pairs.append((name.lower(), description.strip()))
    return tuple(pairs)


def _lines_of(path: str) -> str:
    try:
        return read_text(path)
    except OSError:
        return ""


def _missing_script(path: str, script: str) -> str:
    full = os.path.join(path, script)
    try:
        mode = os.stat(full).st_mode
    except OSError:
        return f"{script} is missing"
    if not stat.S_ISREG(mode):
        return f"{script} is not a regular file"
    if not mode & stat.S_IXUSR:
        return f"{script} is not executable"
    return ""


def examine(name: str, path: str) -> OsStatus:
    """An OS definition as found in a directory; ``problem`` names the first thing wrong with it."""
    versions: list[int] = []
    problem = ""
    try:
        versions = sorted({int(line) for line in read_text(os.path.join(path, "ganeti_api_version")).split()})
    except OSError:
        problem = "ganeti_api_version is missing"
    except ValueError:
        problem = "ganeti_api_version holds something that is no number"
    common = sorted(set(versions) & set(API_VERSIONS))
    if not problem and not common:
        known = ", ".join(str(v) for v in API_VERSIONS)
        problem = f"API versions {versions} are none of {known}"
    api = common[-1] if common else 0
    trusted = os.path.exists(os.path.join(path, "create"))
    untrusted = os.path.exists(os.path.join(path, "create_untrusted"))
    scripts = ["create_untrusted" if untrusted and not trusted else "create", "export", "import", "rename"]
    if api >= 20:
        scripts.append("verify")
    problems = [problem] + [_missing_script(path, script) for script in scripts]
    if api >= 20 and not os.path.isfile(os.path.join(path, "parameters.list")):
        problems.append("parameters.list is missing")
    problem = next((p for p in problems if p), "")
    return OsStatus(
        name=name,
        path=path,
        valid=not problem,
        problem=problem,
        variants=parse_variants(_lines_of(os.path.join(path, "variants.list"))) if api >= 15 else (),
        parameters=parse_parameters(_lines_of(os.path.join(path, "parameters.list"))) if api >= 20 else (),
        api_versions=tuple(versions),
        trusted=trusted,
    )


class OsDefinitions:
    """The OS definitions of this node, looked for anew each time."""

    def __init__(self, search_path: Sequence[str], blocking: Blocking) -> None:
        self._search_path = tuple(search_path)
        self._run = blocking.run

    async def list(self) -> tuple[OsStatus, ...]:
        """Every definition, sorted by name; of two with one name the first on the search path."""
        return await self._run(self._list, deadline=DEADLINE)

    async def get(self, os_name: str) -> OsDefinition:
        """The definition of an OS, named with or without a variant.

        NotFound lists where was looked; WrongState says what is wrong with it.
        """
        return await self._run(self._get, os_name, deadline=DEADLINE)

    def _list(self) -> tuple[OsStatus, ...]:
        found: dict[str, OsStatus] = {}
        for directory in self._search_path:
            try:
                names = sorted(os.listdir(directory))
            except OSError:
                continue  # most hosts have one or two of them
            for name in names:
                path = os.path.join(directory, name)
                if name not in found and not name.startswith(".") and os.path.isdir(path):
                    found[name] = examine(name, path)
        return tuple(found[name] for name in sorted(found))

    def _get(self, os_name: str) -> OsDefinition:
        base = os_name.partition("+")[0]
        if not base or "/" in base or base.startswith("."):
            raise NotFound(f"{os_name!r} is not the name of an OS definition")
        for directory in self._search_path:
            path = os.path.join(directory, base)
            if os.path.isdir(path):
                break
        else:
            raise NotFound(f"there is no OS definition {base} in {', '.join(self._search_path)}")
        status = examine(base, path)
        if not status.valid:
            raise WrongState(f"OS definition {path} cannot be used: {status.problem}")
        api = max(set(status.api_versions) & set(API_VERSIONS))
        return OsDefinition(base, path, api, status.variants)
