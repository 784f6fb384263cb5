"""Plan and apply: what turns the definitions of a cluster into those of a file, all or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from hansa import (
    Applied,
    DefinitionRecord,
    Definitions,
    Edit,
    Invalid,
    Key,
    Model,
    PlainSettings,
    Server,
)

from .administration import Administration
from .export import (
    SERVICES,
    definitions_of,
    kind_order,
    missing_type,
    package_of,
    shorten,
    sources,
    sources_of,
)
from .settings import completed, secret_names

MASK = "********"


@dataclass(frozen=True, slots=True)
class Difference:
    """The value of a setting before and after; None where there is none, secrets masked."""

    old: object
    new: object


@dataclass(frozen=True, slots=True)
class Step:
    """One change: `create`, `edit` or `delete`. `settings` holds what changes, by setting."""

    action: str
    key: Key
    settings: dict[str, Difference] = field(default_factory=dict)

    def show(self) -> dict[str, object]:
        """Return the step as answers show it."""
        kind, type, name = self.key
        return {
            "action": self.action,
            "kind": kind,
            "type": type,
            "name": name,
            "settings": self.settings,
        }


class Plan:
    """The steps from what is defined to what a file says; raises `Invalid` with all faults of all
    definitions.

    Faults are reported by `kind.type.name.setting`. What the file does not name stays, unless
    `prune` is set, or it is named in `remove`; packages have the kind `service` there. Raises
    `Forbidden` before anything is read that the caller, `principal`, may not have read;
    None is an internal one.
    """

    def __init__(
        self,
        server: Server,
        config: PlainSettings,
        principal: object,
        *,
        prune: bool = False,
        remove: Collection[Key] = (),
    ) -> None:
        self.server = server
        self.models = {(one.kind, one.type): one.model for one in server.registry.types()}
        self.records = {record.key: record for record in server.definitions.all()}
        kinds = {kind for kind, _ in self.models} | {kind for kind, _, _ in self.records}
        self.wanted, faults = definitions_of(config, kinds)
        self.sources = sources_of(config)
        asked = [Edit(key, data) for key, data in self.wanted.items()]
        if principal is not None:
            server.resource(Administration).require_reading(principal, asked)
        gone = [one for one in self._not_named() if prune or one.key in remove]
        self.prepared = self._prepare(gone, faults)
        self.unchanged = 0
        self.edits: list[Edit] = []
        self.files: dict[str, str] = {}
        self.removed: list[str] = []
        self.steps: list[Step] = []
        self._add_deployments()
        for key in sorted(self.wanted, key=lambda key: (kind_order(key[0]), key)):
            self._add_definition(key)
        for record in gone:
            self._add_deletion(record)
        unwanted = self._packages_not_named()
        all_go = prune and "services" in config
        self._add_removals(
            package for package in unwanted if all_go or _package_key(package) in remove
        )

    def _not_named(self) -> list[DefinitionRecord]:
        """Return the definitions that the file does not name, what refers to others first."""
        records = self.records.values()
        found = [one for one in records if not one.builtin and one.key not in self.wanted]
        return sorted(found, key=lambda one: (kind_order(one.kind), one.key), reverse=True)

    def _prepare(
        self, gone: Iterable[DefinitionRecord], faults: dict[str, str]
    ) -> dict[Key, PlainSettings]:
        """Return the settings of all definitions in the file as they are to be stored.

        Raises one `Invalid` with these faults and those of all definitions in the file, also of
        those that stay as they are.
        """
        edits = [Edit(key, data) for key, data in self.wanted.items() if not self._is_kept(key)]
        edits += [Edit(record.key) for record in gone]
        prepared: list[Edit] = []
        try:
            # which services a source provides is known once it is deployed, and checked again then
            prepared = self.server.definitions.prepare(edits, any_service=bool(self.sources))
        except Invalid as invalid:
            faults = faults | invalid.errors
        for kind, type, name in self.wanted:
            if (kind, type) not in self.models and not self._is_kept((kind, type, name)):
                there = [other for of, other in self.models if of == kind]
                faults[f"{kind}.{type}.{name}"] = missing_type(kind, type, there)
        if faults:
            raise Invalid(faults)
        return {edit.key: edit.data for edit in prepared if edit.data is not None}

    def _is_kept(self, key: Key) -> bool:
        """Whether the file has a stored definition as it is, whose type no plugin here registers."""
        record = self.records.get(key)
        return key[:2] not in self.models and record is not None and record.data == self.wanted[key]

    # -- steps -------------------------------------------------------------------------------------

    def _add_deployments(self) -> None:
        deployed = _by_package(sources(self.server))
        for package, files in sorted(_by_package(self.sources).items()):
            if deployed.get(package) == files:
                self.unchanged += 1
                continue
            action = "edit" if package in deployed else "create"
            key = _package_key(package)
            self.files |= files
            self.steps.append(Step(action, key, {"source": Difference(None, None)}))

    def _add_definition(self, key: Key) -> None:
        if self._is_kept(key):
            self.unchanged += 1
            return
        data = self.prepared[key]
        model = self.models[key[:2]]
        record = self.records.get(key)
        new = completed(model, data)
        if record is None:
            self.edits.append(Edit(key, data, "create"))
            self.steps.append(Step("create", key, differences(model, data, {}, new)))
            return
        old = completed(model, record.data)
        names = differing(self.server.definitions, old, new)
        if not names:
            self.unchanged += 1
            return
        self.edits.append(Edit(key, data, "set", record.revision))
        self.steps.append(Step("edit", key, differences(model, names, old, new)))

    def _add_deletion(self, record: DefinitionRecord) -> None:
        settings: dict[str, Difference] = {}
        model = self.models.get((record.kind, record.type))
        if model is not None:
            data = shorten(self.server, record)
            settings = differences(model, data, data, {})
        self.edits.append(Edit(record.key, seen_revision=record.revision))
        self.steps.append(Step("delete", record.key, settings))

    @property
    def asked_edits(self) -> list[Edit]:
        """The edits of definitions with their settings as they were asked for, which are stored
        otherwise, and of packages with the kind `service`.
        """
        edits = [
            edit if edit.data is None else replace(edit, data=self.wanted[edit.key])
            for edit in self.edits
        ]
        packages = [Edit(step.key) for step in self.steps if step.key[0] == "service"]
        return [*edits, *packages]

    @property
    def packages(self) -> list[str]:
        """The packages that are to be deployed, sorted."""
        return sorted(_by_package(self.files))

    def _packages_not_named(self) -> list[str]:
        deployed = {package_of(path) for path in sources(self.server)}
        named = {package_of(path) for path in self.sources}
        return sorted(deployed - named)

    def _add_removals(self, packages: Iterable[str]) -> None:
        for package in packages:
            self.removed.append(package)
            self.steps.append(Step("delete", _package_key(package)))

    # -- apply -------------------------------------------------------------------------------------

    def apply(self, *, by: str = "") -> Applied | None:
        """Take all steps as one change, or none of them.

        Returns the change; None if there was nothing to do. Raises one `Invalid` with all faults
        that only show when the sources are tried, or what else is refused.
        """
        if self.files or self.removed:
            return self._deploy(by)
        if self.edits:
            return self.server.definitions.change(self.edits, by=by)
        return None

    def _deploy(self, by: str) -> Applied:
        """Deploy all sources with what uses them: they may import each other."""
        try:
            return self.server.packages.deploy(
                self.files, remove=self.removed, edits=self.edits, by=by
            )
        except Invalid as invalid:
            raise Invalid(_faults_of_change(invalid.errors)) from invalid


def _package_key(package: str) -> Key:
    """Return the key of a package in a plan, and in the change log."""
    return ("service", "package", package)


def _faults_of_change(errors: dict[str, str]) -> dict[str, str]:
    """Return the faults of definitions as they are, by `kind.type.name.setting`, and those of
    sources, by `source` or `file`, as one of the section of sources.
    """
    of_sources = [fault for path, fault in errors.items() if path in ("source", "file")]
    faults = {path: fault for path, fault in errors.items() if path not in ("source", "file")}
    if of_sources:
        faults[SERVICES] = "; ".join(of_sources)
    return faults


def _by_package(files: dict[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path, text in files.items():
        found.setdefault(package_of(path), {})[path] = text
    return found


def differing(definitions: Definitions, old: PlainSettings, new: PlainSettings) -> list[str]:
    """Return the settings that differ; secrets differ if what was encrypted does."""
    before = definitions.comparable(old)
    after = definitions.comparable(new)
    return [name for name in new if name not in old or after[name] != before[name]]


def differences(
    model: type[Model], names: Iterable[str], old: PlainSettings, new: PlainSettings
) -> dict[str, Difference]:
    """Return how settings change, sorted by name, secrets masked."""
    secrets = secret_names(model)
    return {
        name: Difference(
            masked(old.get(name), name in secrets), masked(new.get(name), name in secrets)
        )
        for name in sorted(names)
    }


def masked(value: object, secret: bool) -> object:
    """Return a value as it may be seen: without what is encrypted in it, and a mask for a secret."""
    if value is None:
        return None
    if secret or (isinstance(value, dict) and "$encrypted" in value):
        return MASK
    if isinstance(value, dict):
        return {key: masked(inner, False) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, False) for inner in value]
    return value
