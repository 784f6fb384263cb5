"""`zato.common.util`: payloads of messages, and deployment from a service."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, cast

import pytest
from hansa import Server, Unavailable
from zato.common.util import get_config, hot_deploy, payload_from_request
from zato.common.util.api import payload_from_request as in_version_3


def test_payloads() -> None:
    assert in_version_3 is payload_from_request
    assert payload_from_request("K1", '{"a": 1}', "json") == {"a": 1}
    assert payload_from_request("K1", "a,b", "csv") == "a,b"
    assert payload_from_request("K1", "", "json") == ""
    given = {"a": 1}
    assert payload_from_request("K1", given, "dict") is given
    assert payload_from_request("K1", "<r><a>5</a></r>", "xml").a == 5
    envelope = '<e:Envelope xmlns:e="urn:e"><e:Body>%s</e:Body></e:Envelope>'
    assert payload_from_request("K1", envelope % "<r><a>5</a></r>", "xml", "soap").a == 5
    with pytest.raises(ValueError, match="SOAP body"):
        payload_from_request("K1", envelope % "", "xml", "soap")
    for wrong, format in (("{", "json"), ("<a>", "xml")):
        with pytest.raises(ValueError):
            payload_from_request("K1", wrong, format)


@pytest.mark.parametrize("delete", [True, False])
def test_deployment_from_a_service(tmp_path: Path, delete: bool) -> None:
    deployed: dict[str, Any] = {}

    def deploy(files: dict[str, str], *, by: str) -> Any:
        deployed.update(files)
        return types.SimpleNamespace(revision=7)

    server = types.SimpleNamespace(packages=types.SimpleNamespace(deploy=deploy))
    file = tmp_path / "a.py"
    file.write_text("# services")
    assert hot_deploy(cast(Server, server), "a.py", str(file), delete) == 7
    assert deployed == {"a.py": "# services"} and file.exists() is not delete


def test_a_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text('[limits]\nname = "a b"\n')
    assert get_config(str(tmp_path), "a.conf").limits.name == "a b"
    plain = get_config(str(tmp_path), "a.conf", bunchified=False)
    assert plain == {"limits": {"name": "a b"}} and type(plain) is dict
    with pytest.raises(Unavailable, match=r"b\.conf"):
        get_config(str(tmp_path), "b.conf")
