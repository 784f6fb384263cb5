"""What every type must hold, whichever its kind; the contracts of channels, outgoing connections
and security build on it.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar, get_args, get_origin

import pytest
from hansa import Invalid, Model, dump, fields, load, schema

from .local import LocalServer
from .local.registry import definition_model
from .watch import open_sockets, watching

_SOUNDS_SECRET = re.compile(
    r"(^|_)(password|passphrase|passwd|secret|token|api_?key|private_?key)$"
)


class Documented:
    """What the contracts of all kinds ask of a class: `cls` is the class under test."""

    cls: ClassVar[Any] = None
    patience: ClassVar[float] = 10.0
    """Seconds to wait for what must happen."""
    settle: ClassVar[float] = 0.3
    """Seconds to wait before something is taken not to happen."""

    @pytest.fixture(autouse=True)
    def _complete(self) -> None:
        if self.cls is None:
            pytest.fail(f"{type(self).__name__} must say which class it tests: cls = ...")

    def test_is_documented(self) -> None:
        """The class and each public method have a docstring."""
        missing = [] if _own_doc(self.cls) else [self.cls.__name__]
        for name, member in inspect.getmembers(self.cls):
            public = not name.startswith("_") and (
                inspect.isroutine(member) or isinstance(member, property)
            )
            if public and not inspect.getdoc(member):
                missing.append(f"{self.cls.__name__}.{name}")
        assert not missing, f"no docstring: {', '.join(missing)}"


class Contract(Documented):
    """What every configured type must hold. `good` are settings that work; overriding `settings`
    may compute them.
    """

    good: ClassVar[Mapping[str, Any]] = {}
    edits: ClassVar[int] = 20
    """Edits in a row that must not make the number of threads grow."""
    edit_time: ClassVar[float] = 1.0
    """Seconds after which fewer edits do, but at least five."""
    earlier: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """Settings as earlier versions stored them, of a `Config` whose `upgrade` changes any."""

    @pytest.fixture(autouse=True)
    def _closed(self) -> Iterator[None]:
        """Shut down what plugins started in the server of a test."""
        yield
        if "server" in vars(self):
            self.server.close()

    def settings(self) -> dict[str, Any]:
        """Settings of an object that works; override where ports and the like are known only when
        the test runs.
        """
        return dict(self.good)

    def make_server(self) -> LocalServer:
        """Return the server that objects get; override to hand in sections of config.toml, other
        objects and the like.
        """
        return LocalServer()

    @cached_property
    def server(self) -> LocalServer:
        """The server of this test."""
        return self.make_server()

    @cached_property
    def model(self) -> type[Model]:
        """The model of a whole definition: the type's settings and those of its kind."""
        return definition_model(self.cls)

    def config(self, **changes: Any) -> Any:
        """A config as core hands it to an object: validated, and prepared."""
        return self.cls.prepare(load(self.model, {**self.settings(), **changes}))

    def make(self, name: str = "conformance", **changes: Any) -> Any:
        """A new object, not started."""
        return self.cls(name, self.config(**changes), self.server)

    @contextmanager
    def running(self, thing: Any = None, **changes: Any) -> Iterator[Any]:
        """A started object, stopped at the end of the block."""
        thing = thing or self.make(**changes)
        try:
            thing.start()
            yield thing
        finally:
            self._successors.pop(thing, thing).stop()

    @cached_property
    def _successors(self) -> dict[Any, Any]:
        return {}

    def current(self, thing: Any) -> Any:
        """The object that serves in the place of this one, as core has it: another one after it
        told core that it is `lost`.

        Raises what keeps the other one from starting; ask again then.
        """
        serving = self._successors.get(thing, thing)
        if serving in self.server.losses:
            serving.stop()
            new = self._successors[thing] = type(thing)(thing.name, thing.config, self.server)
            if hasattr(thing, "dispatch"):
                new.dispatch = thing.dispatch
            try:
                new.start()
            except Exception as error:
                self.server.losses[new] = error
                raise
            return new
        return serving

    def exercise(self, thing: Any) -> None:
        """Use a running object once; each kind says how."""
        thing.ping()

    # The declaration

    def test_every_setting_has_help(self) -> None:
        """Each setting of the type, and of models inside it, says what it is for."""
        missing = [
            f"{model.__name__}.{f.name}"
            for model in _models(self.cls.Config)
            for f in fields(model)
            if not f.help
        ]
        assert not missing, (
            f"no help: {', '.join(missing)}; write Annotated[type, setting('what it is for')]"
        )

    def test_schema_is_plain_json(self) -> None:
        """The JSON Schema can be made and written, for forms and reference pages."""
        assert json.loads(json.dumps(schema(self.model)))

    def test_settings_survive_a_round_trip(self) -> None:
        """Loading what was dumped gives the same config; so all defaults are valid too."""
        config = load(self.model, self.settings())
        again = load(self.model, json.loads(json.dumps(dump(config, str))))
        assert again == config

    def test_unknown_settings_are_refused(self) -> None:
        """A misspelt setting is an error at every depth."""
        accepted = []
        for path, data in _with_unknown(
            self.cls.Config, dump(load(self.model, self.settings()), str)
        ):
            try:
                load(self.model, data)
                accepted.append(path)
            except Invalid:
                pass
        assert not accepted, (
            f"unknown settings are accepted at: {', '.join(accepted)}; use Model for settings within settings"
        )

    def test_what_earlier_versions_stored_is_kept(self) -> None:
        """What an earlier version stored is read, exported and applied in today's form."""
        own = inspect.getattr_static(self.cls.Config, "upgrade")
        if own is inspect.getattr_static(Model, "upgrade"):
            return
        assert self.earlier, (
            f"{self.cls.Config.__name__}.upgrade is not tested: "
            "earlier = [settings as earlier versions stored them]"
        )
        for stored in self.earlier:
            config = load(self.model, self.model.upgrade(dict(stored)))
            exported = json.loads(json.dumps(dump(config, str)))
            applied = self.model.upgrade(dict(exported))
            assert applied == exported, f"upgrade() changes what has today's form: {applied}"
            assert load(self.model, applied) == config

    def test_preparing_twice_changes_nothing(self) -> None:
        """`prepare` leaves what it prepared as it is: an edit prepares what is stored again."""
        once = self.config()
        assert self.cls.prepare(once) == once, "prepare() changed what it had prepared"

    def test_secrets_are_never_dumped(self) -> None:
        """Whatever sounds like a secret is a `Secret`, and none is in a dump or a repr."""
        settings = [field for model in _models(self.cls.Config) for field in fields(model)]
        open_ones = [
            field.name
            for field in settings
            if _SOUNDS_SECRET.search(field.name) and not field.secret
        ]
        assert not open_ones, f"must be of the type Secret: {', '.join(open_ones)}"
        config = load(self.model, self.settings())
        thing = self.make()
        shown = [json.dumps(dump(config)), repr(config), str(config), repr(thing), str(thing)]
        shown += [json.dumps(dump(thing.config)), repr(thing.config)]
        for secret in self.secrets():
            assert not any(secret in text for text in shown), "a secret is in a dump or a repr"

    def test_secrets_are_in_no_log_line(self, caplog: pytest.LogCaptureFixture) -> None:
        """A run at the log level DEBUG logs no secret."""
        with caplog.at_level(logging.DEBUG):
            with self.running() as thing:
                self.exercise(thing)
        for secret in self.secrets():
            assert secret not in caplog.text, "a secret is in the log"

    def secrets(self) -> list[str]:
        """The texts that must never be shown: the values of all settings of the type Secret."""
        found: list[str] = []
        dump(load(self.model, self.settings()), lambda secret: found.append(str(secret)))
        return [text for text in found if len(text) >= 4]

    # The life of an object

    def test_making_opens_nothing(self) -> None:
        """`__init__` opens no socket and starts no thread or program."""
        config, server = self.config(), self.server
        before = open_sockets()
        with watching() as watch:
            thing = self.cls("conformance", config, server)
        opened = watch.steps + sorted(open_sockets() - before)
        assert not opened, (
            f"__init__ of {thing.name} opens: {', '.join(opened)}; do that in start()"
        )

    def test_stop_after_a_failed_start(self) -> None:
        """Whichever step of `start` fails, `stop` works and leaves nothing behind."""
        for step in range(1, 40):
            thing = self.make()
            with watching(fail_at=step) as watch:
                with contextlib.suppress(Exception):
                    thing.start()
            self._stop(thing, f"after {watch.steps[-1:] or 'nothing'} failed in start()")
            if not watch.failed:
                break
            assert not (left := watch.left(self.patience)), (
                f"left behind after a failed start: {', '.join(left)}"
            )

    def test_nothing_is_left_after_stop(self) -> None:
        """After start and stop, twice, no thread runs and no socket is open."""
        for _ in range(2):
            with watching() as watch:
                thing = self.make()
                thing.start()
                try:
                    self.exercise(thing)
                finally:
                    self._stop(thing, "after a run")
            assert not (left := watch.left(self.patience)), (
                f"left behind after stop(): {', '.join(left)}"
            )

    def test_edits_leave_no_threads(self) -> None:
        """Edits in a row do not make the number of threads grow, whatever starts them: a call, a
        library, or another thread.
        """
        current = self._edit(None)
        try:
            before = set(threading.enumerate())
            deadline = time.monotonic() + self.edit_time
            done = 0
            while done < min(5, self.edits) or (done < self.edits and time.monotonic() < deadline):
                current = self._edit(current)
                done += 1
            left = self._more_threads(before, allowed=done // 2)
        finally:
            current.stop()
        assert not left, f"{len(left)} more threads after {done} edits: {', '.join(left[:5])}"

    def _edit(self, old: Any) -> Any:
        """Put a new object into the place of an old one, and use it."""
        new = self.make()
        try:
            if old is not None and self.cls.exclusive:
                old.stop()
            new.start()
            if old is not None and not self.cls.exclusive:
                old.stop()
            self.exercise(new)
        except BaseException:
            new.stop()
            raise
        return new

    def _more_threads(self, before: set[threading.Thread], *, allowed: int) -> list[str]:
        """Return the names of threads that have begun since, if there stay to be more than
        `allowed` more than before.
        """
        deadline = time.monotonic() + self.patience
        while True:
            now = threading.enumerate()
            if len(now) - len(before) <= allowed:
                return []
            if time.monotonic() > deadline:
                return [thread.name for thread in now if thread not in before]
            time.sleep(0.02)

    def _stop(self, thing: Any, when: str) -> None:
        try:
            thing.stop()
        except Exception as error:
            pytest.fail(f"stop() raised {type(error).__name__} {when}: {error}")


def _own_doc(cls: Any) -> str:
    """The docstring somebody wrote for this class: not inherited, not made by dataclasses."""
    text = cls.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{cls.__name__}(") else text


def _models(hint: Any) -> Iterator[Any]:
    """A model and all models inside it."""
    if isinstance(hint, type) and issubclass(hint, Model):
        yield hint
        for field in fields(hint):
            yield from _models(field.type)
    for argument in get_args(hint):
        yield from _models(argument)


def _with_unknown(hint: Any, data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The data once for each object in it that a class declares, with an undeclared key in it."""
    classes = [
        one
        for one in (hint, *get_args(hint))
        if isinstance(one, type) and hasattr(one, "__annotations__")
    ]
    if isinstance(data, dict) and classes and get_origin(hint) is not dict:
        yield path or "the top", {**data, "surely_unknown_": 1}
        hints = (
            {field.name: field.type for field in fields(classes[0])}
            if issubclass(classes[0], Model)
            else {}
        )
        for name, inner in hints.items():
            for where, changed in _with_unknown(
                inner, data.get(name), f"{path}.{name}".lstrip(".")
            ):
                yield where, {**data, name: changed}
    elif isinstance(data, list) and data and classes:
        for where, changed in _with_unknown(classes[0], data[0], f"{path}[0]"):
            yield where, [changed, *data[1:]]
