"""What would let in who should not be is refused when it is defined, and does not run where it was
stored before.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from typing import Annotated, Any

import pytest
from hansa import (
    Channel,
    Conflict,
    DefinitionRecord,
    DefinitionSettings,
    Edit,
    Invalid,
    Model,
    RegisteredService,
    Security,
    Service,
    setting,
)
from hansa.contract.records import Applied
from hansa.definitions.definitions import Definitions
from hansa.definitions.edit import CheckedEdit
from hansa.odb.keys import Keys
from hansa.plugins.registry import Registry

from tests.core.stores import Stores

KEYS = Keys(base64.urlsafe_b64encode(os.urandom(32)).decode())


class Place(Model):
    place: Annotated[str, setting("Place")] = ""


class PlacedChannel(Channel[Place]):
    type = "placed"

    @classmethod
    def reserved(cls, config: Place, builtin: Iterable[DefinitionSettings]) -> str:
        taken = [other.place for other in builtin if isinstance(other, Place)]
        return f"{config.place} belongs to a plugin" if config.place in taken else ""


class ClockChannel(Channel):
    type = "clock"
    has_callers = False


class LoginSecurity(Security):
    type = "login"


class Plain(Service):
    name = "plain"


class Status(Service):
    name = "admin.status"


class Gateway(Service):
    name = "gateway"

    @classmethod
    def is_administrative(cls) -> bool:
        return True


@pytest.fixture
def made(store: Stores) -> Definitions:
    registry = Registry()
    registry.add_types("p", [PlacedChannel, ClockChannel, LoginSecurity])
    services = [
        RegisteredService(cls.get_name(), cls, "plugin p") for cls in (Plain, Status, Gateway)
    ]
    registry.replace_services("plugin p", services)
    definitions = Definitions(
        store.definitions,
        registry,
        KEYS,
        lambda revision, wait=True: Applied(revision, [], []),
        lambda reference, value: None,
    )
    definitions.define("security", "login", "user", {})
    return definitions


def stored(made: Definitions, **data: Any) -> DefinitionRecord:
    """A channel as a version stored it that refused nothing."""
    key = ("channel", "placed", "old")
    made.store.change([CheckedEdit(Edit(key, data))], lambda reference: True)
    return made.get(*key)


@pytest.mark.parametrize("security", ["", [], [""], ["user", ""]])
def test_a_security_that_names_nothing_is_refused(made: Definitions, security: Any):
    data = {"service": "plain", "security": security}
    with pytest.raises(Invalid) as caught:
        made.define("channel", "placed", "c", data)
    assert caught.value.errors == {
        "security": "names no definition: leave it out, or null, to let anybody in"
    }
    with pytest.raises(Invalid):
        made.read_to_run(stored(made, **data))


@pytest.mark.parametrize("service", ["admin.status", "gateway"])
def test_a_channel_to_an_administrative_service_needs_security(made: Definitions, service: str):
    with pytest.raises(Invalid) as caught:
        made.define("channel", "placed", "c", {"service": service})
    assert caught.value.errors == {
        "security": f"{service} administers the cluster: "
        "name a security definition that callers must satisfy"
    }
    with pytest.raises(Invalid):
        made.read_to_run(stored(made, service=service))
    made.define("channel", "placed", "c", {"service": service, "security": "user"})
    assert made.read_to_run(made.get("channel", "placed", "c")).active
    with pytest.raises(Invalid):
        made.define("channel", "placed", "c", {"security": None}, mode="edit")


def test_where_nobody_calls_no_security_is_needed(made: Definitions):
    made.define("channel", "clock", "c", {"service": "admin.status"})
    assert made.read_to_run(made.get("channel", "clock", "c")).active


def test_what_belongs_to_a_plugin_is_refused(made: Definitions):
    own = DefinitionRecord(
        "channel", "placed", "own", {"service": "plain", "place": "/own"}, builtin=True
    )
    made.builtin[own.key] = own
    with pytest.raises(Conflict, match="channel placed 'mine': /own belongs to a plugin"):
        made.define("channel", "placed", "mine", {"service": "plain", "place": "/own"})
    made.define("channel", "placed", "mine", {"service": "plain", "place": "/mine"})
    assert made.read_to_run(own).active
    with pytest.raises(Invalid, match="/own belongs to a plugin"):
        made.read_to_run(stored(made, service="plain", place="/own"))


def test_a_channel_does_not_run_without_a_section_whose_plugin_is_gone(made: Definitions):
    with pytest.raises(Invalid) as caught:
        made.read_to_run(stored(made, service="plain", limits={"max_concurrent": 1}))
    assert caught.value.errors == {
        "limits": "the plugin that adds this section to channels is not loaded"
    }
