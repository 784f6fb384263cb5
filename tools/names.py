"""Names in code of the docs that do not exist: hooks, commands, services, sections, settings,
types, files, imports.

Each check takes a piece of code from a page and yields what is wrong with it. Words in capitals are
placeholders.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from functools import cache

import click
import hansa
from hansa import Model, fields
from hansa.cli import commands
from hansa.contract import hookspecs
from hansa_cli.connection import connection_options
from hansa_web import hookspecs as page_hooks

from tools.live import live
from tools.markdown import Code
from tools.project import TOP, core, plugins

# what third parties in examples and in docs/plugins.md add
EXAMPLE_TYPES = {
    ("channel", "syslog"),
    ("outgoing", "syslog"),
}
EXAMPLE_MODULES = {"hansa_syslog", "hansa_trouble"}
# a file, and a user of the admin API
NO_SERVICES = {"admin.password"}
SHELL = {"sh", "shell", "bash", "console"}
_HOOK = re.compile(r"(?<![\w.])hansa_[a-z][a-z_]*(?![\w/-])")
_SERVICE = re.compile(r"(?<![\w/.@-])admin(?:\.[a-z][a-z0-9_-]*)+")
_TYPE = re.compile(r"(channel|outgoing|security|format) ([a-z][a-z0-9-]*)")
_PATH = re.compile(r"(?:core|plugins|docs|tests|tools|bench|examples|\.ci|changelog)/[\w./*-]*")
_SECTION = re.compile(r"\[(?P<name>[a-z][\w.-]*)\](?P<rest>.*)")
_SETTING = re.compile(r"(?P<name>[a-z][a-z_0-9]*) = (?P<value>\S.*)")
_VARIABLE = re.compile(r"\bHANSA_[A-Z_]+\b")
_TARGET = re.compile(r"make ([a-z-]+)")
_WORD = re.compile(r"[a-z][a-z0-9-]*")
_IMPORT = re.compile(r"from (hansa\w*(?:\.\w+)*) import ([\w, ]+)")


def hooks(code: Code) -> Iterator[str]:
    """Names that begin like hooks and are neither hooks nor packages."""
    packages = {plugin.module for plugin in plugins()} | EXAMPLE_MODULES
    for name in _HOOK.findall(code.text):
        is_hook = hasattr(hookspecs, name) or hasattr(page_hooks, name)
        if not is_hook and name not in packages:
            yield f"there is no hook or package {name}"


def services(code: Code) -> Iterator[str]:
    """Admin services that are not there; the beginning of a service's name is right, too."""
    for name in _SERVICE.findall(code.text):
        words = tuple(name.split(".")[1:3])
        if name not in _services() | NO_SERVICES and words not in EXAMPLE_TYPES:
            yield f"there is no service {name}"


@cache
def _services() -> set[str]:
    """The names of all services, and what they begin with."""
    found: set[str] = set()
    for service in live().registry.services():
        words = service.name.split(".")
        found.update(".".join(words[:count]) for count in range(1, len(words) + 1))
    return found


def types(code: Code) -> Iterator[str]:
    """Types that no plugin registers."""
    found = _TYPE.fullmatch(code.text)
    if code.language is None and found and (found[1], found[2]) not in known_types():
        yield f"there is no type {code.text}"


@cache
def known_types() -> dict[tuple[str, str], type[Model] | None]:
    """The registered types with their models, formats and those of examples without one."""
    registry = live().registry
    found: dict[tuple[str, str], type[Model] | None] = dict.fromkeys(EXAMPLE_TYPES)
    found |= {("format", each.type): None for each in registry.formats()}
    found |= {(each.kind, each.type): each.model for each in registry.types()}
    return found


def paths(code: Code) -> Iterator[str]:
    """Files and folders of the project that are not there."""
    if code.language is not None or not _PATH.match(code.text):
        return
    path = code.text.partition("::")[0].partition("#")[0].partition(" ")[0]
    is_pattern = any(part.isupper() for part in re.split(r"[/.\-_]", path))
    found = [*TOP.glob(path.rstrip("/")), *code.folder.glob(path.rstrip("/"))]
    if not found and not is_pattern:
        yield f"there is no file {path}"


def variables(code: Code) -> Iterator[str]:
    """Environment variables that no source names."""
    for name in set(_VARIABLE.findall(code.text)):
        if name not in _named_variables():
            yield f"nothing reads the variable {name}"


@cache
def _named_variables() -> set[str]:
    places = [TOP / "Makefile", TOP / ".ci" / "run"]
    for pattern in ("core/src/**/*.py", "plugins/**/*.py", "tests/**/*.py", "tools/*"):
        places += [file for file in TOP.glob(pattern) if file.is_file()]
    return {name for file in places for name in _VARIABLE.findall(file.read_text(errors="ignore"))}


def targets(code: Code) -> Iterator[str]:
    """Targets that the Makefile does not have."""
    if code.language is not None and code.language not in SHELL:
        return
    for line in code.text.splitlines():
        found = _TARGET.match(line)
        if found and found[1] not in _targets():
            yield f"there is no target make {found[1]}"


@cache
def _targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.M))


def sections(code: Code) -> Iterator[str]:
    """Sections, definitions and settings of config.toml that are not there."""
    if code.language == "toml":
        yield from _table(code.text)
    elif code.language is None:
        section = _SECTION.fullmatch(code.text) if code.text != "[name]" else None
        setting = _SETTING.fullmatch(code.text)
        if section:
            rest = section["rest"].strip().replace("; ", "\n")
            yield from _table(f"[{section['name']}]\n{rest if '=' in rest else ''}")
        elif setting and setting["name"] not in identifiers():
            yield f"no source knows {setting['name']}"


@cache
def identifiers() -> set[str]:
    """Every word of the sources: settings, and attributes that services of some dialect set."""
    files = [file for package in [core(), *plugins()] for file in package.sources()]
    return {word for file in files for word in re.findall(r"\w+", file.read_text())}


def _table(text: str) -> Iterator[str]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        yield f"not TOML: {error}"
        return
    if table.keys() & {"project", "build-system", "tool", "dependency-groups"}:
        return  # a pyproject.toml
    kinds = {kind for kind, _ in known_types()}
    for name, content in table.items():
        if not isinstance(content, dict):
            if name not in identifiers():
                yield f"no source knows {name}"
        elif name in live().sections:
            named = {key: value for key, value in content.items() if (name, key) in known_types()}
            rest = {key: value for key, value in content.items() if key not in named}
            yield from _keys(f"[{name}]", live().sections[name], rest)
            yield from _definitions(name, named)
        elif name in kinds:
            yield from _definitions(name, content)
        else:
            yield f"there is no section [{name}]"


def _definitions(kind: str, content: dict[str, object]) -> Iterator[str]:
    for type, named in content.items():
        if (kind, type) not in known_types():
            yield f"there is no type {kind} {type}"
            continue
        model = known_types()[kind, type]
        for name, settings in named.items() if isinstance(named, dict) else ():
            if model is not None and isinstance(settings, dict):
                yield from _keys(f"[{kind}.{type}.{name}]", model, settings)


def _keys(where: str, model: type[Model], content: dict[str, object]) -> Iterator[str]:
    for key in content.keys() - {field.name for field in fields(model)}:
        yield f"{where} has no setting {key}"


def imported(code: Code) -> Iterator[str]:
    """What is imported from core or a plugin, and is not there; from core, what is not public."""
    for module, names in _imports(code):
        top = module.partition(".")[0]
        if top in EXAMPLE_MODULES or not (top == "hansa" or top.startswith("hansa_")):
            continue
        try:
            found = importlib.import_module(module)
        except ImportError:
            yield f"there is no module {module}"
            continue
        for name in names:
            public = name in hansa.__all__ if module == "hansa" else hasattr(found, name)
            if not public:
                yield f"{module} has no {name}"


def _imports(code: Code) -> Iterator[tuple[str, list[str]]]:
    if code.language == "python":
        try:
            tree = ast.parse(code.text)
        except SyntaxError:
            tree = ast.Module([], [])
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module, [alias.name for alias in node.names]
            elif isinstance(node, ast.Import):
                yield from ((alias.name, []) for alias in node.names)
    elif code.language is None:
        for module, names in _IMPORT.findall(code.text):
            yield module, [name.strip() for name in names.split(",") if name.strip().isidentifier()]


def called(code: Code) -> Iterator[str]:
    """Commands `hansa ...` that are not there, or not with these options."""
    if code.language is None:
        lines = [code.text]
    elif code.language in SHELL:
        lines = code.text.replace("\\\n", " ").splitlines()
    else:
        return
    live()
    for line in lines:
        for command in re.split(r"\||&&|;|\$\(", line.removeprefix("$ ")):
            # PERF: most code in backticks is no command, and taking it apart is slow
            words = _words(command) if "hansa" in command else []
            if words and words[0].rpartition("/")[2] == "hansa":
                yield from _command(words[1:])


def _words(command: str) -> list[str]:
    """The words of a command; variables that are set before it are left out."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return []
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    return words


def _command(words: list[str]) -> Iterator[str]:
    command: click.Command = commands
    context = click.Context(command, info_name="hansa")
    path = ["hansa"]
    known = [*connection_options(), *command.params]
    takes_value = False
    for word in words:
        if takes_value:
            takes_value = False
        elif word.startswith("-"):
            option = _option(known, word.partition("=")[0])
            if option is None and word != "--help":
                yield f"{' '.join(path)} has no option {word}"
            takes_value = "=" not in word and option is not None and not _is_flag(option)
        elif isinstance(command, click.Group):
            if not _WORD.fullmatch(word):
                return  # a placeholder
            inner = command.get_command(context, word)
            path.append(word)
            if inner is None:
                if (path[1], path[-1]) not in EXAMPLE_TYPES:
                    yield f"there is no command {' '.join(path)}"
                return
            context = click.Context(inner, info_name=word, parent=context)
            command = inner
            known += inner.params


def _option(known: list[click.Parameter], name: str) -> click.Parameter | None:
    for each in reversed(known):
        if name in (*each.opts, *each.secondary_opts):
            return each
    return None


def _is_flag(option: click.Parameter) -> bool:
    return isinstance(option, click.Option) and (option.is_flag or option.count)


CHECKS: list[Callable[[Code], Iterator[str]]] = [
    hooks,
    services,
    types,
    paths,
    variables,
    targets,
    sections,
    imported,
    called,
]
