"""Plan and apply: what turns the definitions of a cluster into those of a file, and doing it, all or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hansa import Applied, Conflict, Edit, Invalid, Model, Server

from .definitions import as_data
from .export import (
    Key,
    definitions_of,
    kind_order,
    missing_type,
    package_of,
    shorten,
    sources,
    sources_of,
)
from .references import completed, name_faults, secret_names, setting_faults

MASK = "********"


@dataclass(frozen=True)
class Step:
    """One change: `create`, `edit` or `delete`; `settings` maps what changes to its old and new value, secrets masked."""

    action: str
    kind: str
    type: str
    name: str
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: Any = None
    seen_revision: int | None = None

    @property
    def key(self) -> Key:
        """Kind, type and name."""
        return self.kind, self.type, self.name

    def edit(self) -> Edit:
        """The step as a change of a definition."""
        mode: Any = "create" if self.action == "create" else "set"
        return Edit(self.key, self.data, mode, self.seen_revision)

    def show(self) -> dict[str, Any]:
        """The step without the data to be stored."""
        return {
            "action": self.action,
            "kind": self.kind,
            "type": self.type,
            "name": self.name,
            "settings": self.settings,
        }


class Plan:
    """The steps from what is defined to what a file says; making one raises `Invalid` with all faults of all definitions.

    Faults are told by `kind.type.name.setting`. What the file does not name stays, unless `prune` is set.
    """

    def __init__(self, server: Server, config: dict[str, Any], *, prune: bool = False) -> None:
        self.server = server
        self.models: dict[tuple[str, str], type[Model]] = {}
        for known in server.registry.types():
            self.models[known.kind, known.type] = known.model
        self.rows = {row.key: row for row in server.definitions.all()}
        self.wanted, faults = definitions_of(config, {kind for kind, _ in self.models})
        self.sources = sources_of(config)
        self.checked: dict[Key, tuple[Any, Any]] = {}  # data as it is to be stored, and claims
        stays = {key for key, row in self.rows.items() if row.builtin or not prune}
        self.final = stays | set(self.wanted)
        self.known = self.final | {(kind, "", name) for kind, _, name in self.final}
        for key, data in self.wanted.items():
            found = self._faults(key, data)
            faults |= {
                ".".join((*key, setting)).rstrip("."): fault for setting, fault in found.items()
            }
        if not faults:
            faults = self._clashes()
        if faults:
            raise Invalid(faults)
        self.unchanged = 0
        self.deployments = self._deployments()
        gone = sorted(
            set(self.rows) - self.final, key=lambda key: (kind_order(key[0]), key), reverse=True
        )
        self.definitions = [*self._definitions(), *map(self._removal, gone)]
        self.removals = [
            Step("delete", "service", "package", package)
            for package in sorted(
                {*map(package_of, sources(server))} - {*map(package_of, self.sources)}
            )
            if prune and "services" in config
        ]
        self.steps = [*self.deployments, *self.definitions, *self.removals]

    # -- faults ------------------------------------------------------------------------------------------------------

    def _faults(self, key: Key, data: dict[str, Any]) -> dict[str, str]:
        kind, type, name = key
        model = self.models.get((kind, type))
        if model is None:
            return {"": missing_type(kind, type, (t for k, t in self.models if k == kind))}
        if not name:
            return {"": "a definition needs a name"}
        if key in self.rows and self.rows[key].builtin:
            return {"": "comes with a plugin and cannot be changed"}
        faults = setting_faults(model, data)
        if not faults:
            try:
                edit, _, claims = self.server.definitions.check(Edit(key, data))
                self.checked[key] = edit.data, claims
            except Invalid as invalid:
                faults = {
                    ("" if setting == "name" else setting): fault
                    for setting, fault in invalid.errors.items()
                }
            except Conflict as conflict:
                faults = {"": conflict.detail}
        return name_faults(model, data, self._exists) | faults

    def _exists(self, kind: str, type: str, name: str) -> bool:
        if kind == "service":
            # which services a source gives is known once it is deployed: checked again then
            return bool(self.sources) or self.server.definitions.exists(kind, type, name)
        return (
            self.server.definitions.exists(kind, type, name)
            if kind == "format"
            else (kind, type, name) in self.known
        )

    def _clashes(self) -> dict[str, str]:
        """Claims, such as a path, that two definitions of the outcome would both make."""
        owners: dict[tuple[str, str], Key] = {}
        for kind in {kind for (kind, _, _), (_, claims) in self.checked.items() if claims}:
            there = self.server.definitions.store.claims(kind).items()
            owners |= {
                (kind, claim): key
                for claim, key in there
                if key in self.final and key not in self.wanted
            }
        faults: dict[str, str] = {}
        for key, (_, claims) in sorted(self.checked.items()):
            for claim in claims:
                other = owners.setdefault((key[0], claim), key)
                if other != key:
                    faults[".".join(key)] = f"needs {claim}, which {' '.join(other)} has as well"
        return faults

    # -- steps -------------------------------------------------------------------------------------------------------

    def _deployments(self) -> list[Step]:
        there, wanted = _by_package(sources(self.server)), _by_package(self.sources)
        steps = []
        for package, files in sorted(wanted.items()):
            if there.get(package) != files:
                action = "edit" if package in there else "create"
                steps.append(
                    Step(
                        action,
                        "service",
                        "package",
                        package,
                        {"source": {"old": None, "new": None}},
                        files,
                    )
                )
            else:
                self.unchanged += 1
        return steps

    def _definitions(self) -> list[Step]:
        steps = []
        for key in sorted(self.wanted, key=lambda key: (kind_order(key[0]), key)):
            model, data, row = self.models[key[:2]], self.wanted[key], self.rows.get(key)
            new = completed(model, data)
            old = completed(model, row.data) if row else {}
            differing = {name for name in new if name not in old or new[name] != old[name]}
            if row is not None and not differing:
                self.unchanged += 1
                continue
            if row is None:
                differing = set(data)
            settings = self._shown(model, differing, old, new)
            revision = row.revision if row else None
            # PERF: as checked and prepared already, so that no password is hashed twice
            steps.append(
                Step("edit" if row else "create", *key, settings, self.checked[key][0], revision)
            )
        return steps

    def _removal(self, key: Key) -> Step:
        row = self.rows[key]
        data, model = shorten(self.server, row), self.models.get(key[:2], Model)
        shown = self._shown(model, set(data), data, {}) if model is not Model else {}
        return Step("delete", *key, shown, None, row.revision)

    @staticmethod
    def _shown(
        model: type[Model], names: set[str], old: dict[str, Any], new: dict[str, Any]
    ) -> dict[str, dict[str, Any]]:
        secret = secret_names(model)

        def value(name: str, data: dict[str, Any]) -> Any:
            if data.get(name) is None:
                return None
            return MASK if name in secret else _masked(data[name])

        return {name: {"old": value(name, old), "new": value(name, new)} for name in sorted(names)}

    # -- apply -------------------------------------------------------------------------------------------------------

    def apply(self, *, by: str = "") -> dict[str, Any]:
        """Deploy the sources, then make all definitions as wanted in one transaction, then take sources out of service.

        Gives the revision, and the workers that have applied it and those that will. What is refused ends it, and the error
        says what was done before.
        """
        answer: Applied | None = None
        done = 0
        try:
            if self.deployments:
                answer = self._deploy(by)
                done += len(self.deployments)
            if self.definitions:
                answer = self.server.definitions.change(
                    [step.edit() for step in self.definitions], by=by
                )
                done += len(self.definitions)
            if self.removals:
                answer = self.server.packages.deploy(
                    {}, remove=[step.name for step in self.removals], by=by
                )
        except Invalid as invalid:
            detail = "; ".join(f"{path}: {fault}" for path, fault in invalid.errors.items())
            raise Invalid(invalid.errors, _partly(done, len(self.steps), detail)) from invalid
        except Exception as error:
            if done and hasattr(error, "detail"):
                error.detail = _partly(done, len(self.steps), error.detail)
            raise
        return as_data(answer) if answer else {"revision": None, "applied": [], "pending": []}

    def _deploy(self, by: str) -> Applied:
        """Deploy all sources as one change: they may import each other."""
        files = {path: text for step in self.deployments for path, text in step.data.items()}
        try:
            return self.server.packages.deploy(files, by=by, wait=self.deployments == self.steps)
        except Invalid as invalid:
            raise Invalid({"services": "; ".join(invalid.errors.values())}) from invalid


def _by_package(files: dict[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path, text in files.items():
        found.setdefault(package_of(path), {})[path] = text
    return found


def _masked(value: Any) -> Any:
    """A value without what is encrypted inside it."""
    if isinstance(value, dict):
        return (
            MASK if "$encrypted" in value else {key: _masked(inner) for key, inner in value.items()}
        )
    return [_masked(inner) for inner in value] if isinstance(value, list) else value


def _partly(done: int, all: int, detail: str) -> str:
    return f"{detail} ({done} of {all} steps were done before)" if done else detail
