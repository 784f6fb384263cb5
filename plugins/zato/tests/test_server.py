"""`self.server`, `self.static_config` and `self.odb`: what services ask of their server."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hansa import DefinitionRecord, Misused
from hansa_zato.dialect.server import zato_server
from hansa_zato.dialect.static import StaticFiles
from hansa_zato.odb.database import ConfigurationDatabase
from zato.common.odb.model import (
    HTTPSOAP,
    Cluster,
    HTTPBasicAuth,
    Job,
    SecurityBase,
    Server,
    Service as Row,
)
from zato.server.service import Service

from plugins.zato.tests.facade import Facade


class Counting(Service):
    name = "tests.counting"

    def handle(self) -> None:
        server: Any = self.server
        context = server.user_ctx
        context.setdefault("count", 0)
        context.count += 1
        self.response.payload = str(context.count)


def test_what_services_share(server: Facade) -> None:
    assert [server.call(Counting, "").raw for _ in range(3)] == [b"1", b"2", b"3"]
    assert zato_server(server.as_server) is zato_server(server.as_server)
    seen: Any = zato_server(server.as_server)
    assert seen.user_ctx.count == 3
    assert (seen.name, seen.registry) == (server.name, server.registry)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = seen.nonsense


def test_static_files(server: Facade, tmp_path: Path) -> None:
    found = StaticFiles(server.as_server)
    assert found.names() == [] and found.get("a.txt", "none") == "none"
    folder = tmp_path / "config" / "repo" / "static"
    folder.mkdir(parents=True)
    (folder / "a-b.txt").write_text("Grüße")
    (tmp_path / "outside.txt").write_text("secret")
    assert found["a-b.txt"] == found.a_b_txt == found.get("a-b.txt") == "Grüße"
    assert list(found) == ["a-b.txt"] and "a-b.txt" in found
    with pytest.raises(KeyError, match=r"zato\.static_dir"):
        _ = found["../../../outside.txt"]
    with pytest.raises(AttributeError, match="nope"):
        _ = found.nope


def test_definitions_as_tables(server: Facade) -> None:
    server.add(Counting)
    stored = server.definitions.stored
    stored.append(DefinitionRecord("security", "basic", "ada", {"username": "a", "realm": "r"}))
    secret = {"username": {"$env": "USER"}, "password": {"$encrypted": "x"}}
    stored.append(DefinitionRecord("security", "ldap", "directory", secret))
    orders = {"url_path": "/orders", "service": "tests.counting", "security": "ada"}
    stored.append(DefinitionRecord("channel", "http", "orders", orders))
    stored.append(DefinitionRecord("outgoing", "http", "billing", {"address": "http://b"}))
    job = {"job_type": "interval", "minutes": 5, "service": "tests.counting", "active": False}
    stored.append(DefinitionRecord("channel", "schedule", "often", job))
    stored.append(DefinitionRecord("outgoing", "kafka", "unknown", {}))
    with closing(ConfigurationDatabase(server.as_server).session()) as session:
        assert session.query(Cluster).one().name == "hansa"
        assert [row.name for row in session.query(Server)] == ["server1"]
        service = session.query(Row).filter(Row.name == "tests.counting").one()
        assert service.impl_name.endswith(".Counting") and not service.is_internal
        channel = session.query(HTTPSOAP).filter_by(connection="channel").one()
        assert channel.service is service and channel.transport == "plain_http"
        assert isinstance(channel.security, HTTPBasicAuth) and channel.security.username == "a"
        names = {row.name: row.sec_type for row in session.query(SecurityBase)}
        assert names == {"ada": "basic_auth", "directory": "ldap"}
        found = session.query(Job).one()
        assert (found.job_type, found.minutes, found.is_active) == ("interval_based", 5, False)
        service.name = "other"
        with pytest.raises(Misused, match="for reading"):
            session.commit()
