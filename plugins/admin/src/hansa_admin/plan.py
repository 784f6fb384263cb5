"""Plan and apply: what turns the definitions of a cluster into those of a file, and doing it in the order of references."""

from __future__ import annotations

import graphlib
import heapq
from dataclasses import dataclass, field
from typing import Any

from hansa import Conflict, Invalid, Model, load, resolve

from .export import Key, definitions_of, kind_order, missing_type, shorten, sources, sources_of
from .references import completed, exists, has_reference, name_faults, named_by, secret_names, setting_faults

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

    def __init__(self, server: Any, config: dict[str, Any], *, prune: bool = False) -> None:
        self.server = server
        self.models: dict[tuple[str, str], type[Model]] = {}
        self.classes: dict[tuple[str, str], Any] = {}
        for kind, type, known in server.registry.types():
            if hasattr(known.cls, "Config"):
                self.models[kind, type], self.classes[kind, type] = known.model, known.cls
        self.rows = {row.key: row for row in server.definitions()}
        self.wanted, faults = definitions_of(config, {kind for kind, _ in self.models})
        self.sources = sources_of(config)
        stays = {key for key, row in self.rows.items() if row.builtin or not prune}
        self.final = stays | set(self.wanted)
        for key, data in self.wanted.items():
            found = self._faults(key, data)
            faults |= {".".join((*key, setting)).rstrip("."): fault for setting, fault in found.items()}
        if not faults:
            faults = self._clashes()
        if faults:
            raise Invalid(faults)
        self.unchanged = 0
        changes = self._definitions()
        gone = self._in_order(set(self.rows) - self.final, reverse=True)
        needed = {(key[0], claim) for key, data in self.wanted.items() for claim in self._claims(key, data)}
        first = [key for key in gone if needed & {(key[0], claim) for claim in self._claims(key, self.rows[key].data)}]
        self.steps = [*self._deployments(), *map(self._removal, first), *changes]
        self.steps += [self._removal(key) for key in gone if key not in first]
        if prune and "services" in config:
            self.steps += [
                Step("delete", "service", "package", file) for file in sources(server) if file not in self.sources
            ]

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
                self.server.validate(kind, type, name, data)
            except Invalid as invalid:
                faults = {("" if setting == "name" else setting): fault for setting, fault in invalid.errors.items()}
            except Conflict as conflict:
                faults = {"": conflict.detail}
        return name_faults(model, data, self._exists) | faults

    def _exists(self, kind: str, type: str, name: str) -> bool:
        if kind == "service":
            # which services a source gives is known once it is deployed: checked again then
            return bool(self.sources) or exists(self.server, kind, type, name)
        if kind == "format":
            return exists(self.server, kind, type, name)
        return any(k == kind and n == name and type in ("", t) for k, t, n in self.final)

    def _clashes(self) -> dict[str, str]:
        """Claims, such as a path, that two definitions of the outcome would both make."""
        owners: dict[tuple[str, str], Key] = {}
        faults: dict[str, str] = {}
        for key in sorted(self.final, key=lambda key: (key in self.wanted, kind_order(key[0]), key)):
            for claim in self._claims(key, self.wanted[key] if key in self.wanted else self.rows[key].data):
                other = owners.setdefault((key[0], claim), key)
                if other != key:
                    faults[".".join(key)] = f"needs {claim}, which {' '.join(other)} has as well"
        return faults

    def _claims(self, key: Key, data: dict[str, Any]) -> set[str]:
        """What only one definition may have and this one asks for; what is encrypted is looked into by the store alone."""
        cls, model = self.classes.get(key[:2]), self.models.get(key[:2])
        if cls is None or model is None:
            return set()
        try:
            return set(cls.claims(load(model, resolve(data, lambda name, value: MASK), strict=not has_reference(data))))
        except Invalid:
            return set()

    # -- steps -------------------------------------------------------------------------------------------------------

    def _deployments(self) -> list[Step]:
        there = sources(self.server)
        steps = []
        for file, source in sorted(self.sources.items()):
            if there.get(file) != source:
                action = "edit" if file in there else "create"
                steps.append(Step(action, "service", "package", file, {"source": {"old": None, "new": None}}, source))
            else:
                self.unchanged += 1
        return steps

    def _definitions(self) -> list[Step]:
        steps = []
        for key in self._in_order(set(self.wanted)):
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
            steps.append(Step("edit" if row else "create", *key, settings, data, revision))
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

    def _in_order(self, keys: set[Key], *, reverse: bool = False) -> list[Key]:
        """Keys such that what others refer to comes first; raises `Invalid` for a circle."""
        sorter: graphlib.TopologicalSorter[Key] = graphlib.TopologicalSorter()
        by_name: dict[tuple[str, str], list[Key]] = {}
        for key in keys:
            by_name.setdefault((key[0], key[2]), []).append(key)
        for key in sorted(keys, key=lambda key: (kind_order(key[0]), key)):
            model = self.models.get(key[:2])
            data = self.wanted[key] if key in self.wanted else self.rows[key].data
            named = list(named_by(model, completed(model, data))) if model else []
            needed = [k for n in named for k in by_name.get((n.kind, n.name), ()) if n.type in ("", k[1])]
            sorter.add(key, *sorted(set(needed) - {key}))
        try:
            sorter.prepare()
        except graphlib.CycleError as error:
            circle = " -> ".join(".".join(key) for key in error.args[1])
            raise Invalid(f"definitions refer to each other in a circle: {circle}") from None
        order: list[Key] = []
        ready: list[tuple[tuple[int, str], Key]] = []
        while sorter.is_active():
            for key in sorter.get_ready():
                heapq.heappush(ready, (kind_order(key[0]), key))
            order.append(heapq.heappop(ready)[1])
            sorter.done(order[-1])
        return order[::-1] if reverse else order

    # -- apply -------------------------------------------------------------------------------------------------------

    def apply(self, *, by: str = "") -> dict[str, Any]:
        """Do all steps, one after the other; gives the revision, and the workers that have applied it and those that will.

        A step that is refused (somebody else was faster) ends it; what was done before stays done, and the error says so.
        """
        answer: dict[str, Any] = {"revision": None, "applied": [], "pending": []}
        for number, step in enumerate(self.steps):
            if step.kind != "service" and number and self.steps[number - 1].kind == "service":
                self._check_services(number)
            try:
                answer = self._do(step, by, wait=number == len(self.steps) - 1)
            except Invalid as invalid:
                path = ".".join((step.kind, step.type, step.name))
                faults = {f"{path}.{setting}".rstrip("."): fault for setting, fault in invalid.errors.items()}
                raise Invalid(faults, _partly(number, len(self.steps), "; ".join(faults.values()))) from invalid
            except Exception as error:
                if number and hasattr(error, "detail"):
                    error.detail = _partly(number, len(self.steps), error.detail)
                raise
        return {key: answer[key] for key in ("revision", "applied", "pending")}

    def _check_services(self, done: int) -> None:
        """Refuse, before any definition is changed, those that name a service which the deployed sources did not bring."""
        self.sources = {}
        faults = {}
        for key, data in self.wanted.items():
            for setting, fault in self._faults(key, data).items():
                faults[".".join((*key, setting)).rstrip(".")] = fault
        if faults:
            raise Invalid(
                faults, _partly(done, len(self.steps), "; ".join(f"{path}: {fault}" for path, fault in faults.items()))
            )

    def _do(self, step: Step, by: str, *, wait: bool) -> dict[str, Any]:
        # PERF: workers follow the log in order, so that who has the last change has all; 13 ms a definition otherwise
        if step.kind == "service":
            if step.action != "delete":
                return dict(self.server.deploy(step.name, step.data, by=by))
            return dict(self.server.delete_service(step.name, by=by))
        if step.action == "delete":
            return dict(self.server.delete(*step.key, seen_revision=step.seen_revision, by=by))
        mode = "create" if step.action == "create" else "set"
        options = {"seen_revision": step.seen_revision, "by": by, "wait": wait}
        return dict(self.server.define(*step.key, step.data, mode=mode, **options))


def _masked(value: Any) -> Any:
    """A value without what is encrypted inside it."""
    if isinstance(value, dict):
        return MASK if "$encrypted" in value else {key: _masked(inner) for key, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value


def _partly(done: int, all: int, detail: str) -> str:
    return f"{detail} ({done} of {all} steps were done before)" if done else detail
