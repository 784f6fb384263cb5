"""Plan and apply: what turns the definitions of a cluster into those of a file, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hansa import (
    Applied,
    DefinitionRecord,
    Edit,
    HansaError,
    Invalid,
    Key,
    Model,
    PlainSettings,
    Server,
)

from .export import (
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
    `prune` is set.
    """

    def __init__(self, server: Server, config: PlainSettings, *, prune: bool = False) -> None:
        self.server = server
        self.models = {(one.kind, one.type): one.model for one in server.registry.types()}
        self.records = {record.key: record for record in server.definitions.all()}
        kinds = {kind for kind, _ in self.models} | {kind for kind, _, _ in self.records}
        self.wanted, faults = definitions_of(config, kinds)
        self.sources = sources_of(config)
        gone = self._gone() if prune else []
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
        if prune and "services" in config:
            self._add_removals()

    def _gone(self) -> list[DefinitionRecord]:
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
            key = ("service", "package", package)
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
            self.steps.append(Step("create", key, _differences(model, data, {}, new)))
            return
        old = completed(model, record.data)
        differing = [name for name in new if name not in old or new[name] != old[name]]
        if not differing:
            self.unchanged += 1
            return
        self.edits.append(Edit(key, data, "set", record.revision))
        self.steps.append(Step("edit", key, _differences(model, differing, old, new)))

    def _add_deletion(self, record: DefinitionRecord) -> None:
        settings: dict[str, Difference] = {}
        model = self.models.get((record.kind, record.type))
        if model is not None:
            data = shorten(self.server, record)
            settings = _differences(model, data, data, {})
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

    def _add_removals(self) -> None:
        deployed = {package_of(path) for path in sources(self.server)}
        named = {package_of(path) for path in self.sources}
        for package in sorted(deployed - named):
            self.removed.append(package)
            self.steps.append(Step("delete", ("service", "package", package)))

    # -- apply -------------------------------------------------------------------------------------

    def apply(self, *, by: str = "") -> Applied | None:
        """Deploy the sources, make all definitions as wanted in one change, then take sources out
        of service.

        Returns the last change; None if there was nothing to do. What is refused ends it, and the
        error says what was done before.
        """
        applied: Applied | None = None
        done = 0
        deployments = len(self.steps) - len(self.edits) - len(self.removed)
        try:
            if self.files:
                applied = self._deploy(by, wait=deployments == len(self.steps))
                done += deployments
            if self.edits:
                applied = self.server.definitions.change(self.edits, by=by)
                done += len(self.edits)
            if self.removed:
                applied = self.server.packages.deploy({}, remove=self.removed, by=by)
        except HansaError as error:
            if done:
                error.detail += f" ({done} of {len(self.steps)} steps were done before)"
            raise
        return applied

    def _deploy(self, by: str, *, wait: bool) -> Applied:
        """Deploy all sources as one change: they may import each other."""
        try:
            return self.server.packages.deploy(self.files, by=by, wait=wait)
        except Invalid as invalid:
            raise Invalid({"services": "; ".join(invalid.errors.values())}) from invalid


def _by_package(files: dict[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path, text in files.items():
        found.setdefault(package_of(path), {})[path] = text
    return found


def _differences(
    model: type[Model], names: Iterable[str], old: PlainSettings, new: PlainSettings
) -> dict[str, Difference]:
    """Return how settings change, sorted by name, secrets masked."""
    secrets = secret_names(model)
    return {
        name: Difference(
            _shown(old.get(name), name in secrets), _shown(new.get(name), name in secrets)
        )
        for name in sorted(names)
    }


def _shown(value: object, secret: bool) -> object:
    """Return a value without what is secret in it, or encrypted."""
    if value is None:
        return None
    if secret or (isinstance(value, dict) and "$encrypted" in value):
        return MASK
    if isinstance(value, dict):
        return {key: _shown(inner, False) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shown(inner, False) for inner in value]
    return value
