"""The import rules: core knows no plugin, plugins know only core's root and what they declare,
core's files form floors.
"""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path

import hansa
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.floors import named_in_texts
from tools.lock import declared, of_packages
from tools.project import TOP, Package, core, dotted, imports, plugins

PLUGINS = pytest.mark.parametrize("plugin", plugins(), ids=lambda plugin: plugin.name)
HEAVY = [
    "falcon",
    "waitress",
    "lxml",
    "sqlalchemy",
    "alembic",
    "httpx2",
    "zeep",
    "pydantic",
    "requests",
    "argon2",
    "cryptography.x509",
]
NEVER_IN_CORE = {
    "falcon",
    "waitress",
    "lxml",
    "pika",
    "zmq",
    "schedule",
    "httpx2",
    "cronsim",
    "argon2",
    "rich",
    "zato",
}


STANDARD_LIBRARY = {*sys.stdlib_module_names, "compression"}
"""That of every Python that Hansa runs on: `compression` is from 3.14 on."""

# the harness forks servers from a process that has imported what they need
NAMED_BY_RIGHT = {"hansa-devkit": {"hansa.cli", "hansa.process.supervisor", "hansa.process.worker"}}


def top(module: str) -> str:
    return module.partition(".")[0]


def third_party(package: Package) -> set[tuple[str, Path]]:
    """The top modules from outside the workspace and the standard library that a package imports."""
    found = set()
    for file in package.sources():
        for seen in imports(file, dotted(file)[1]):
            name = top(seen.module)
            if (
                name
                and not seen.typing
                and name not in STANDARD_LIBRARY
                and name != "hansa"
                and not name.startswith("hansa_")
            ):
                found.add((name, file))
    return found


packages_distributions = cache(importlib.metadata.packages_distributions)


def undeclared(package: Package, provided: Collection[str] = ()) -> list[str]:
    distributions = packages_distributions()
    return [
        f"{file.relative_to(TOP)} imports {name}, and {package.name} does not require it"
        for name, file in sorted(third_party(package))
        if name not in provided
        and not {d.lower().replace("_", "-") for d in distributions.get(name, [])}
        & package.requires
    ]


def test_there_are_plugins_to_look_at():
    assert len(plugins()) >= 10
    assert all(plugin.sources() for plugin in plugins())


def test_core_imports_no_plugin_and_no_protocol():
    for file in core().sources():
        for seen in imports(file, dotted(file)[1]):
            assert not seen.module.startswith("hansa_"), f"{file}:{seen.line}"
            assert top(seen.module) not in NEVER_IN_CORE, (
                f"{file}:{seen.line} imports {seen.module}"
            )


def test_core_requires_what_it_imports():
    assert not undeclared(core())


@PLUGINS
def test_a_plugin_imports_from_core_only_its_root(plugin: Package):
    for file in plugin.sources():
        for seen in imports(file, dotted(file)[1]):
            if top(seen.module) == "hansa":
                assert seen.module == "hansa", (
                    f"{file.relative_to(TOP)}:{seen.line} imports {seen.module}"
                )
                assert not seen.name or seen.name in hansa.__all__, (
                    f"{file.relative_to(TOP)}:{seen.line} imports {seen.name}"
                )


@PLUGINS
def test_a_plugin_requires_the_plugins_it_imports(plugin: Package):
    if plugin.entry_points("hansa") or plugin.entry_points("hansa.early"):
        assert "hansa" in plugin.requires
    for file in plugin.sources():
        for seen in imports(file, dotted(file)[1]):
            if seen.module.startswith("hansa_") and top(seen.module) != plugin.module:
                assert top(seen.module).replace("_", "-") in plugin.requires, (
                    f"{file.relative_to(TOP)}:{seen.line}"
                )


@pytest.mark.rebuilt
@PLUGINS
def test_texts_of_a_plugin_name_no_module_that_it_may_not_import(plugin: Package):
    """`-m hansa.odb.migrations` is an import like any other."""
    others = [other for other in plugins() if other.name not in {plugin.name, *plugin.requires}]
    forbidden = {dotted(file)[0] for package in [core(), *others] for file in package.sources()} - {
        "hansa",
        *NAMED_BY_RIGHT.get(plugin.name, ()),
    }
    named = [
        f"{file.relative_to(TOP)}:{line} names {name}"
        for file in plugin.sources()
        for name, line in named_in_texts(ast.parse(file.read_text()), forbidden)
    ]
    assert not named


@PLUGINS
def test_a_plugin_requires_what_it_imports(plugin: Package):
    # a plugin that offers packages under another name (hook hansa_modules) may import those itself
    provided = {child.name for child in (plugin.folder / "src" / plugin.module).iterdir()}
    assert not undeclared(plugin, provided)


def test_the_walls_notice_a_breach(tmp_path: Path):
    source = tmp_path / "src/hansa_x/y.py"
    source.parent.mkdir(parents=True)
    source.write_text(
        "from ..hansa.store import Store\nfrom hansa.store import Store\n"
        "def f():\n    import hansa_http.channel\n"
    )
    assert [(i.module, i.name) for i in imports(source, "hansa_x")] == [
        ("hansa.store", "Store"),
        ("hansa.store", "Store"),
        ("hansa_http.channel", ""),
    ]


def loaded(code: str) -> set[str]:
    """The modules that an interpreter has after running some code."""
    script = (
        f"import sys\nbefore = set(sys.modules)\n{code}\nprint(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    found: list[str] = ast.literal_eval(done.stdout.splitlines()[-1])
    return set(found)


def test_early_modules_import_nothing_heavy():
    early = [
        module for plugin in plugins() for module in plugin.entry_points("hansa.early").values()
    ]
    assert len(early) >= 10
    heavy = loaded("\n".join(f"import {module}" for module in early)) & set(HEAVY)
    guilty = {module: sorted(loaded(f"import {module}") & heavy) for module in early if heavy}
    assert not heavy, guilty


def test_the_root_imports_nothing_heavy():
    assert not loaded("import hansa") & {*HEAVY, "redis", "click", "rich", "cryptography"}


def test_workers_carry_no_orm_no_migrations_and_no_command_line():
    assert not loaded("import hansa.process.worker") & {
        "alembic",
        "sqlalchemy.orm",
        "click",
        "rich",
    }


def test_workers_carry_no_library_that_only_some_definitions_need():
    modules = [module for plugin in plugins() for module in plugin.entry_points("hansa").values()]
    assert len(modules) >= 20
    found = loaded("\n".join(f"import {module}" for module in modules))
    assert not found & {
        "authlib",
        "ftputil",
        "httpx2",
        "ldap3",
        "paramiko",
        "pika",
        "psycopg",
        "spnego",
        "zeep",
    }


@PLUGINS
def test_entry_points_name_modules_of_their_own(plugin: Package):
    groups = {**plugin.entry_points("hansa"), **plugin.entry_points("hansa.early")}
    # a package without any is a library of other plugins, or one for tests or for clients
    is_library = any(plugin.name in other.requires for other in plugins())
    is_of_server = "hansa" in plugin.requires and not plugin.entry_points("pytest11")
    assert groups or is_library or not is_of_server, "no entry point"
    for name, module in groups.items():
        assert f"hansa-{name}" == plugin.name
        assert top(module) == plugin.module


def pins() -> dict[str, str]:
    """The versions in the lock files by name."""
    found = {}
    for file in ("requirements.lock", "requirements-dev.lock"):
        for line in (TOP / file).read_text().splitlines():
            if "==" in line and not line.startswith((" ", "#")):
                name, _, rest = line.partition("==")
                found[name.partition("[")[0]] = rest.split()[0]
    return found


def wanted_by(name: str) -> list[Requirement]:
    """What a pinned package asks for here; nothing of one that is for other systems."""
    try:
        texts = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    wanted = [Requirement(text) for text in texts]
    return [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]


def test_the_lock_files_hold_what_the_packages_ask_for():
    pinned = pins()
    packages = [*of_packages(development=False), *of_packages(development=True)]
    groups = [text for group in ("install", "examples", "dev") for text in declared(group)]
    wanted = [Requirement(text) for text in [*packages, *groups]]
    wanted += [requirement for name in pinned for requirement in wanted_by(name)]
    for one in wanted:
        found = pinned.get(canonicalize_name(one.name))
        assert found is not None, f"{one} is not pinned: make lock"
        assert one.specifier.contains(found, prereleases=True), (
            f"{one}, and {found} is pinned: make lock"
        )
