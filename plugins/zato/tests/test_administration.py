"""Zato's admin API in a running server: every service that is there is called, family by family."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import ApiError, RunningServer, servers
from hansa_zato.administration.catalogue import declared
from hansa_zato.administration.families import services

SOURCE = '''
from zato.server.service import Service

class Rate(Service):
    """Returns the rate of a day."""
    name = "rates.get"

    class SimpleIO:
        input_required = ("day",)
        output_required = ("rate",)

    def handle(self):
        self.response.payload.rate = self.request.input.day
'''


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Zato:
    """A client of Zato's admin API, which remembers what it has called."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.called: set[str] = set()

    def post(self, name: str, /, **given: Any) -> requests.Response:
        auth = ("admin", self.server.password)
        return self.server.post(f"/zato/json/{name}", {"cluster_id": 1, **given}, auth=auth)

    def whole(self, name: str, /, **given: Any) -> Any:
        response = self.post(name, **given)
        answer = response.json()
        assert response.status_code == 200, (name, given, answer)
        assert answer["zato_env"]["result"] == "ZATO_OK"
        self.called.add(name)
        return answer

    def __call__(self, name: str, /, **given: Any) -> Any:
        """Call a service and return what is in its element; None if there is none."""
        element = name.replace(".", "_").replace("-", "_") + "_response"
        return self.whole(name, **given).get(element)

    def refused(self, name: str, status: int, /, **given: Any) -> str:
        response = self.post(name, **given)
        env = response.json()["zato_env"]
        assert (response.status_code, env["result"]) == (status, "ZATO_ERROR"), env
        assert "Traceback" not in env["details"]
        return str(env["details"])

    def id_of(self, list_name: str, name: str, /, **given: Any) -> int:
        [found] = [row["id"] for row in self(list_name, **given) if row["name"] == name]
        return int(found)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with all plugins, and a service of the dialect."""
    with servers(tmp_path_factory.mktemp("servers")) as make:
        made = make(workers=1)
        made.deploy("rates.py", SOURCE)
        yield made


@contextlib.contextmanager
def every_service_of(family: Any, server: RunningServer) -> Iterator[Zato]:
    """A client; at the end every service of the family that is there has been called."""
    zato = Zato(server)
    yield zato
    there = {one.name for one in family.SERVICES if one.status != "not"}
    assert there - zato.called == set()


def gone(call: Callable[[], object]) -> bool:
    """Whether what a call of the native API asks for is not there."""
    try:
        call()
    except ApiError as error:
        return error.status == 404
    return False


def test_services(running: RunningServer) -> None:
    with every_service_of(services, running) as zato:
        zato("zato.service.upload-package", payload_name="m.py", payload=base64_of(SOURCE_M))
        assert running.api("admin.service.get", name="m.mine")["version"] == 1
        mine = zato.id_of("zato.service.get-list", "m.mine")
        assert zato("zato.service.get-by-name", name="m.mine")["id"] == mine
        edited = zato("zato.service.edit", id=mine, is_active=True, slow_threshold=250)
        assert edited == {"id": mine, "name": "m.mine", "impl_name": "m.Mine"}
        [sampling] = running.api("admin.sample.settings", service="m.mine")["items"]
        assert sampling["slower_than"] == 250
        [row] = zato("zato.service.get-list", name_filter="m.min")
        assert (row["slow_threshold"], row["may_be_deleted"]) == (250, True)
        running.api("admin.channel.http.create", name="to m", url_path="/m", service="m.mine")
        [channel] = zato("zato.service.get-channel-list", id=mine, channel_type="plain_http")
        assert channel["name"] == "to m"
        assert zato("zato.service.get-channel-list", id=mine, channel_type="soap") == []
        assert not zato("zato.service.has-wsdl", service="m.mine")["has_wsdl"]
        [deployed] = zato("zato.service.get-deployment-info-list", id=mine)
        assert deployed["details"]["file"] == "m.py"
        source = zato("zato.service.get-source-info", name="m.mine")
        assert base64.b64decode(source["source"]).decode() == SOURCE_M
        assert "to m" in zato.refused("zato.service.delete", 409, id=mine)
        running.api("admin.channel.http.delete", name="to m")
        zato("zato.service.delete", id=mine)
        assert gone(lambda: running.api("admin.service.get", name="m.mine"))


SOURCE_M = "from zato.server.service import Service\nclass Mine(Service):\n    pass\n"


def test_what_is_not_there_says_why(running: RunningServer) -> None:
    zato = Zato(running)
    for one in declared().values():
        if one.status == "not":
            assert one.missing in zato.refused(one.name, 404)
        else:
            assert zato.post(one.name).status_code != 404, one.name
