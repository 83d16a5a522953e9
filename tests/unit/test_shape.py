"""What import-linter cannot see of the shape of the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from unittest import TestCase

from attrs import frozen

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ganeti_tw"

# Each of these answers differently each time: whoever needs one takes it as an argument.
FICKLE = {
    "time.time",
    "time.time_ns",
    "uuid.uuid1",
    "uuid.uuid4",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
}


@frozen
class Source:
    """One module: its dotted name, its path from the root of the checkout and its syntax tree."""

    module: str
    path: str
    tree: ast.Module
    is_package: bool

    @property
    def room(self) -> str:
        parts = self.module.split(".")
        return parts[1] if len(parts) > 1 else ""


def read(path: Path) -> Source:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return Source(name, str(path.relative_to(ROOT)), ast.parse(path.read_text(), str(path)), is_package)


def without_type_checking(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield other
                yield from without_type_checking(other)
            continue
        yield child
        yield from without_type_checking(child)


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported: ``from a.b import c`` gives ``a.b.c``."""
    for node in without_type_checking(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = source.module.split(".")
                up = here[: len(here) - node.level + (1 if source.is_package else 0)]
                base = ".".join([*up, base] if base else up)
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def names_used(source: Source) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every use of an imported name, spelled out from its import."""
    known: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(source.tree):
        parts: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in known:
            yield inner.lineno, ".".join([known[inner.id], *reversed(parts)])


SOURCES = [read(path) for path in sorted(PACKAGE.rglob("*.py"))]
BY_NAME = {source.module: source for source in SOURCES}


def entry_point_modules() -> set[str]:
    """Modules that console scripts call."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    scripts = parser["options.entry_points"]["console_scripts"].split("\n")
    return {line.partition("=")[2].strip().partition(":")[0] for line in scripts if line.strip()}


def default_values(source: Source) -> Iterator[tuple[int, ast.expr]]:
    """Line and node of every default value of an argument."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.arguments):
            for value in [*node.defaults, *node.kw_defaults]:
                if value is not None:
                    yield value.lineno, value


def below(name: str, top: str) -> bool:
    return name == top or name.startswith(top + ".")


def modules_run_by(name: str) -> list[str]:
    """The modules of ours that importing ``a.b.c`` executes: packages on the way, then itself."""
    parts = name.split(".")
    return [m for m in (".".join(parts[: i + 1]) for i in range(len(parts))) if m in BY_NAME]


class ImportTests(TestCase):
    def test_only_daemon_imports_the_reactor(self) -> None:
        bad = [
            f"{s.path}:{line}"
            for s in SOURCES
            if s.room != "daemon"
            for line, name in [*imports(s), *names_used(s)]
            if below(name, "twisted.internet.reactor")
        ]
        self.assertEqual(bad, [], "take the reactor as an argument")

    def test_no_way_leads_from_the_commands_to_twisted(self) -> None:
        came_from: dict[str, str] = {s.module: "" for s in SOURCES if s.room == "cli"}
        todo = list(came_from)
        ways = []
        while todo:
            here = todo.pop()
            for _, name in imports(BY_NAME[here]):
                if below(name, "twisted"):
                    way = [name, here]
                    while came_from[way[-1]]:
                        way.append(came_from[way[-1]])
                    ways.append(" <- ".join(way))
                for module in modules_run_by(name):
                    if module not in came_from:
                        came_from[module] = here
                        todo.append(module)
        self.assertEqual(ways, [], "the commands must start without Twisted")

    def test_the_commands_start_without_twisted(self) -> None:
        code = (
            "import sys, ganeti_tw.cli.main, ganeti_tw.cli.console\n"
            "print(sorted(m for m in sys.modules if m.split('.')[0] in ('twisted', 'OpenSSL', 'libvirt', 'asyncio')))"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout.strip(), done.stderr), ("[]", ""))

    def test_only_the_hypervisor_room_imports_libvirt(self) -> None:
        bad = [
            f"{s.path}:{line}"
            for s in SOURCES
            if not below(s.module, "ganeti_tw.agent.hypervisor")
            for line, name in imports(s)
            if below(name, "libvirt")
        ]
        self.assertEqual(bad, [])

    def test_only_daemon_and_testing_import_actor_classes(self) -> None:
        actors = {"ganeti_tw.kernel.Actor", "ganeti_tw.kernel.actor.Actor"}
        base = set(actors)
        grown = True
        while grown:
            grown = False
            for s in SOURCES:
                spelled = {name.rsplit(".", 1)[1]: name for _, name in imports(s) if "." in name}
                for node in ast.walk(s.tree):
                    if isinstance(node, ast.ClassDef) and f"{s.module}.{node.name}" not in actors:
                        parents = [spelled.get(ast.unparse(b), f"{s.module}.{ast.unparse(b)}") for b in node.bases]
                        if actors.intersection(parents):
                            actors.add(f"{s.module}.{node.name}")
                            grown = True
        bad = [
            f"{s.path}:{line} {name}"
            for s in SOURCES
            if s.room not in ("daemon", "testing", "kernel")
            for line, name in imports(s)
            # An actor may start others of its own room.
            if name in actors - base and name.split(".")[1] != s.room
        ]
        self.assertEqual(bad, [], "take a Ref, or a factory, as an argument")


class ArgumentTests(TestCase):
    def test_time_and_chance_are_handed_in(self) -> None:
        bad = []
        for s in SOURCES:
            handing_in = s.room == "daemon" or s.module in entry_point_modules()
            defaults = {line for line, _ in default_values(s)}
            for line, name in names_used(s):
                chance = below(name, "random") and name not in ("random", "random.Random")
                if (name in FICKLE or chance) and (not handing_in or line in defaults):
                    bad.append(f"{s.path}:{line} {name}")
            if s.room not in ("daemon", "testing"):
                for node in ast.walk(s.tree):
                    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("random.Random", "Random"):
                        bad.append(f"{s.path}:{node.lineno} random.Random()")
        self.assertEqual(sorted(set(bad)), [], "take it as an argument; entry points and daemon/ hand it in")

    def test_only_kernel_and_wire_catch_everything(self) -> None:
        bad = []
        for s in SOURCES:
            if s.room in ("kernel", "wire"):
                continue
            for node in ast.walk(s.tree):
                if isinstance(node, ast.ExceptHandler):
                    caught = ast.unparse(node.type) if node.type else "everything"
                    if {"Exception", "BaseException", "everything"} & set(caught.strip("()").split(", ")):
                        bad.append(f"{s.path}:{node.lineno} except {caught}")
        self.assertEqual(bad, [], "catch only what you can answer")


class LayoutTests(TestCase):
    def test_twisted_keeps_its_own_packages(self) -> None:
        found = [p for p in ("twisted/__init__.py", "twisted/plugins/__init__.py") if (ROOT / p).exists()]
        self.assertEqual(found, [], "it would hide the real Twisted")

    def test_every_room_says_what_it_is_for(self) -> None:
        rooms = [p for p in sorted(PACKAGE.rglob("*")) if p.is_dir() and any(p.glob("*.py"))]
        silent = []
        for room in rooms:
            init = str((room / "__init__.py").relative_to(ROOT))
            source = next((s for s in SOURCES if s.path == init), None)
            if source is None or not ast.get_docstring(source.tree):
                silent.append(init)
        self.assertEqual(silent, [])

    def test_every_module_postpones_annotations_where_it_has_some(self) -> None:
        bad = [
            s.path
            for s in SOURCES
            if any(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for n in s.tree.body)
            and not any(name == "__future__.annotations" for _, name in imports(s))
        ]
        self.assertEqual(bad, [])

    def test_test_files_have_names_of_their_own(self) -> None:
        seen: dict[str, str] = {}
        twice = []
        for path in sorted((ROOT / "tests").rglob("*.py")):
            if path.name in seen:
                twice.append(f"{path.relative_to(ROOT)} and {seen[path.name]}")
            seen[path.name] = str(path.relative_to(ROOT))
        self.assertEqual(twice, [], "test folders are no packages")
