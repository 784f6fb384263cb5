"""What is exported, imported into an empty server and exported again is the same, byte by byte."""

from __future__ import annotations

import importlib
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hansa import Model, fields
from hansa_admin.settings import secret_names, shortened
from hansa_devkit.installed import installed
from hansa_devkit.local.registry import definition_model
from hansa_devkit.pytest_plugin import types_of
from hansa_zato.early import hansa_kinds
from hansa_zato.enmasse.exporting import Exported, export, text_of
from hansa_zato.enmasse.importing import config_of
from hansa_zato.enmasse.passwords import fill, variable_name
from hansa_zato.enmasse.reading import read
from hansa_zato.enmasse.translation import translate
from hansa_zato.mapping import MAPPINGS, Generation
from hypothesis import given, strategies as st

from plugins.zato.tests.enmasse_files import (
    VARIABLES,
    minimal,
    of_2_0,
    of_3_x,
    pubsub,
    write_json,
    write_yaml,
)

CONFIGURATIONS: dict[Generation, dict[str, list[Any]]] = {
    "2.0": of_2_0(),
    "3.x": of_3_x(),
    "minimal": {**minimal(), **pubsub()},
}
FORMS = list(CONFIGURATIONS)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8
)


@cache
def models() -> dict[tuple[str, str], type[Model]]:
    """The settings of each installed type."""
    found = {(cls.kind, cls.type): definition_model(cls) for cls in hansa_kinds()}
    for entry in installed("hansa"):
        for cls in types_of(entry.value):
            if hasattr(cls, "Config"):
                found[cls.kind, cls.type] = definition_model(cls)
    for entry in installed("hansa.early"):
        kinds = getattr(importlib.import_module(entry.value), "hansa_kinds", list)
        for cls in kinds():
            found[cls.kind, cls.type] = definition_model(cls)
    return found


def stored(file: Path, variables: dict[str, str]) -> dict[str, Any]:
    """What an empty server exports after the import of a file."""
    made = translate(read(file), variables)
    fill(made, {}, variables)
    assert not [one for one in made.findings if one.severity == "error"]
    config: dict[str, Any] = {}
    for kind, types in config_of(made, {}).items():
        for type, definitions in types.items():
            model = models()[kind, type]
            for name, settings in definitions.items():
                short = shortened(model, settings)
                for secret in secret_names(model) & set(short):
                    short[secret] = {"$env": variable_name((kind, type, name), secret)}
                config.setdefault(kind, {}).setdefault(type, {})[name] = short
    return config


class Anything(dict[str, str]):
    """An environment in which every variable is set."""

    def get(self, name: str, default: Any = None) -> Any:
        return VARIABLES.get(name, "a secret of some length")

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> str:
        return "a secret of some length"


def twice(config: dict[str, list[Any]], source: Generation, form: Generation) -> tuple[str, str]:
    """The texts of two exports, one of them of what the other one was imported to."""
    with tempfile.TemporaryDirectory() as folder:
        write = write_json if source == "2.0" else write_yaml
        file = write(Path(folder, "first"), config)
        first = text_of(export(stored(file, Anything()), form), form)
        again = Path(folder, "second")
        again.write_text(first, encoding="utf-8")
        return first, text_of(export(stored(again, Anything()), form), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("source", FORMS)
def test_an_export_is_stable(source: Generation, form: Generation):
    first, second = twice(CONFIGURATIONS[source], source, form)
    assert first == second
    assert len(first) > 500


def test_an_export_of_2_0_has_the_objects_that_were_imported(tmp_path: Path):
    file = write_json(tmp_path / "file", of_2_0())
    made = export(stored(file, Anything()), "2.0")
    left_out = {"notif_cloud_openstack_swift", "rbac_role_permission"}
    assert set(of_2_0()) - set(made.sections) == left_out
    before = {item["name"]: item for item in of_2_0()["channel_plain_http"]}
    for item in made.sections["channel_plain_http"]:
        assert item.items() <= before[item["name"]].items()


def test_secrets_are_in_no_export(tmp_path: Path):
    file = write_json(tmp_path / "file", of_2_0())
    for form in FORMS:
        text = text_of(export(stored(file, Anything()), form), form)
        assert "secret of some length" not in text
        assert not [secret for secret in VARIABLES.values() if secret in text]
        assert ("Zato_Enmasse_Env." in text) == (form != "2.0")


def test_types_and_settings_of_mappings_exist():
    for mapping in MAPPINGS:
        model = models()[mapping.kind, mapping.type]
        known = {field.name for field in fields(model)}
        used = {setting for part in mapping.every_part() for setting in part.settings}
        assert used <= known, (mapping.zato, used - known)


HTTP = {"url_path": "/a", "service": "a.b", "method": "GET", "security": "u"}
USER = {"security": {"basic": {"u": {"username": "u"}}}}


def of_role(channel: dict[str, Any], **role: Any) -> Exported:
    config = {**USER, "channel": {"http": {"a [1]": channel}}, "role": {"role": {"r": role}}}
    return export(config, "3.x")


def test_roles_are_written_with_the_verbs_of_their_channels():
    made = of_role(HTTP, channels=["http a [[]1]"], security=["u"])
    assert made.findings == []
    assert made.sections["channel_plain_http"][0]["has_rbac"] is True
    [client] = made.sections["rbac_client_role"]
    assert (client["client_def"], client["role_name"]) == ("sec_def:::basic_auth:::u", "r")
    [granted] = made.sections["rbac_role_permission"]
    assert (granted["service_name"], granted["perm_name"]) == ("a.b", "Read")


@pytest.mark.parametrize("role", [{"channels": ["http *"]}, {"services": ["a.*"], "channels": []}])
def test_what_is_guarded_by_a_role_that_zato_cannot_have_is_left_out(role: dict[str, Any]):
    made = of_role(HTTP, **role)
    assert "channel_plain_http" not in made.sections and "rbac_role" not in made.sections
    assert {one.code for one in made.findings} == {"W20"}


@given(data=st.data())
def test_any_part_of_a_configuration_is_stable(data: st.DataObject):
    source = data.draw(st.sampled_from(FORMS))
    form = data.draw(st.sampled_from(FORMS))
    config = json.loads(json.dumps(CONFIGURATIONS[source]))
    kept = data.draw(st.sets(st.sampled_from(sorted(config))))
    needed = {
        "def_sec",
        "security",
        "groups",
        "def_amqp",
        "def_jms_wmq",
        "def_cassandra",
        "def_cloud_openstack_swift",
    }
    config = {key: items for key, items in config.items() if key in kept | needed}
    for items in config.values():
        for number, item in enumerate(items):
            if "url_path" in item or "seconds" in item or "db_name" in item:
                item["name"] = f"{number}-{data.draw(NAMES)}"
            if "is_active" in item:
                item["is_active"] = data.draw(st.booleans())
            if "pool_size" in item:
                item["pool_size"] = data.draw(st.integers(1, 100))
            if "timeout" in item:
                item["timeout"] = data.draw(st.integers(1, 100))
    first, second = twice(config, source, form)
    assert first == second
