"""From outside: curl logs in by a directory, a group holds a role, an outage is told as one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from hansa_devkit.harness.api_server import RunningServer

from plugins.ldap.tests.slapd import ALICE, Slapd

SOURCE = """
from hansa import Service


class Who(Service):
    def handle(self):
        principal = self.request.principal
        return {"name": principal, "groups": list(principal.groups), "dn": principal.dn}
"""
CHANNEL = """
[channel.http.{name}]
url_path = "/{name}"
service = "who.who"
format = "json"
security = "{name}"
"""
MISSING = 'servers = ["ldaps://127.0.0.1:1"]\nsearch_base = "dc=example"\nconnect_timeout = 1'
REST = """
[services]
files = ["who.py"]

[security.tls_ca.directory]
certificates = "{authority}"

[security.ldap.absent]
{missing}

[role.role.staff]
channels = ["http staff"]
groups = ["R&D"]
trusted = ["staff"]
"""


@pytest.fixture(scope="module")
def server(directory: Slapd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("ldap")
    (folder / "who.py").write_text(SOURCE)
    settings = directory.settings(tls_ca="directory", servers=[directory.secure_url])
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    parts = [
        REST.format(authority=directory.authority, missing=MISSING),
        "\n".join(["[security.ldap.staff]", *lines]),
        *(CHANNEL.format(name=name) for name in ("staff", "absent")),
    ]
    made = RunningServer(folder, "\n".join(parts), workers=1, plugins=["ldap", "roles", "tls"])
    made.start()
    yield made
    made.stop()


def curl(server: RunningServer, user: str, path: str = "/staff") -> tuple[str, str]:
    """Return the head and the body of an answer to curl."""
    command = ["curl", "-s", "-i", "--max-time", "30", "-u", user, server.url + path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=40)
    head, _, body = done.stdout.partition("\n\n")
    return head, body


def test_curl_is_let_in_and_its_group_holds_the_role(server):
    head, body = curl(server, "alice:wonderland")
    assert head.startswith("HTTP/1.1 200")
    assert json.loads(body) == {"name": "alice", "groups": ["R&D", "staff"], "dn": ALICE}
    head, body = curl(server, "bob:builder")
    assert head.startswith("HTTP/1.1 403") and "cid" in body


@pytest.mark.parametrize("user", ["alice:wrong", "alice:", "nobody:wonderland", "*:wonderland"])
def test_wrong_credentials_get_401_with_a_challenge_and_a_cid(server, user):
    head, body = curl(server, user)
    assert head.startswith("HTTP/1.1 401")
    assert 'www-authenticate: basic realm="hansa"' in head.lower()
    problem = json.loads(body)
    assert problem["detail"] == "the user name or the password is wrong"
    assert problem["cid"] in head


def test_an_outage_is_503_and_the_state_says_why(server):
    head, body = curl(server, "alice:wonderland", "/absent")
    assert head.startswith("HTTP/1.1 503")
    assert json.loads(body)["detail"] == "the directory does not answer at the moment"
    told = json.dumps(server.api("admin.security.ldap.get", name="absent"))
    assert "no server of the directory can be reached" in told


def test_an_edit_takes_effect_at_once_also_for_a_login_that_is_remembered(server):
    assert curl(server, "alice:wonderland")[0].startswith("HTTP/1.1 200")
    server.api("admin.security.ldap.edit", name="staff", search_filter="(cn=x{username})")
    assert curl(server, "alice:wonderland")[0].startswith("HTTP/1.1 401")
    server.api("admin.security.ldap.edit", name="staff", search_filter="(uid={username})")
    assert curl(server, "alice:wonderland")[0].startswith("HTTP/1.1 200")


def test_neither_passwords_nor_the_accounts_are_shown(server):
    shown = json.dumps(server.api("admin.security.ldap.list"))
    logged = "".join(path.read_text(errors="replace") for path in server.folder.rglob("*.log"))
    assert "service's own" not in shown + logged
    assert logged and "wonderland" not in logged
