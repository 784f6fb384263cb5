"""Roles, accounts and their login hold the contracts of all types."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hansa import NoSettings, Records, Refused, Request, Security, Unavailable, load
from hansa_devkit import LocalServer, SecurityContract
from hansa_devkit.contract import Contract
from hansa_devkit.local.registry import definition_model
from hansa_roles.kinds import Account, Role
from hansa_roles.login import Accounts, AccountsLogin
from hansa_roles.policy import Policy
from hansa_roles.uses import LastUses
from hansa_security.basic import Basic


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def started(server: LocalServer) -> LocalServer:
    """The server, whose policy has begun to write down last uses."""
    server.resource(Policy).uses.start()
    return server


class TestRole(Contract):
    cls = Role
    good = {"services": ["orders.*"], "claims": ["roles=ops"], "trusted": ["corporate"]}


class TestAccount(Contract):
    cls = Account
    good = {"credentials": ["app", "app-key"], "roles": ["operator"]}

    @pytest.fixture(autouse=True)
    def _writing(self) -> None:
        """Begin to write down last uses, which goes on when an account stops."""
        started(self.server)


class TestAccounts(SecurityContract):
    """A person with an account logs in."""

    cls = Accounts
    user = "bob"
    right = basic("bob", "correct horse é")
    wrong = [
        basic("bob", "Correct horse é"),
        basic("olga", "correct horse é"),
        basic("admin", "correct horse é"),
        basic("", ""),
        {"authorization": "Bearer 0123456789"},
    ]

    @pytest.fixture(autouse=True)
    def _writing(self) -> None:
        """Begin to write down last uses, which goes on when a login stops."""
        started(self.server)

    def make_server(self) -> LocalServer:
        security: dict[str, Any] = {}
        server = LocalServer(security=security)
        model = definition_model(Basic)
        for name, password in (
            ("admin", "a random password of the admin 0123456789"),
            ("bob", "correct horse é"),
        ):
            given: Any = load(model, {"username": name, "password": password})
            config = Basic.prepare(given)
            security[name] = Basic(name, config, server)
        server = started(LocalServer(security=security))
        settings: Any = load(definition_model(Account), {"credentials": ["bob"]})
        Account("bob", settings, server).start()
        return server


class TestAccountsLogin(TestAccounts):
    """A person with an account logs in by a JSON body."""

    cls = AccountsLogin
    right = {"user": "bob", "password": "correct horse é"}
    wrong = [
        {"user": "bob", "password": "Correct horse é"},
        {"user": "olga", "password": "correct horse é"},
        {"user": "admin", "password": "correct horse é"},
        {"user": "bob:correct horse é", "password": "x"},
    ]

    def request(self, headers: Mapping[str, str]) -> Request:
        """A request with what are headers elsewhere in its body."""
        made = super().request({})
        made.raw = json.dumps(headers).encode()
        return made


def test_the_definition_of_a_user_alone_judges_its_password():
    judged: list[str] = []

    class Counting(Basic):
        def authenticate(self, request: Any) -> Any:
            judged.append(self.name)
            return super().authenticate(request)

    class Directory(Security):
        type = "directory"

        def authenticate(self, request: Any) -> Any:
            judged.append(self.name)
            if request.headers != basic("jane", "the password of jane"):
                raise Refused("nobody of that name")
            return "jane"

    server = LocalServer(security={})
    model = definition_model(Basic)
    objects: dict[str, Any] = {}
    for name in ("admin", "ann", "bob"):
        config: Any = load(model, {"username": name, "password": f"the password of {name}"})
        objects[name] = Counting(name, config, server)
    objects["directory"] = Directory("directory", NoSettings(), server)
    server = started(LocalServer(security=objects))
    for name in ("ann", "bob"):
        settings: Any = load(definition_model(Account), {"credentials": [name]})
        Account(name, settings, server).start()
    role: Any = {"rights": ["view"], "trusted": ["directory"], "groups": ["ops"]}
    settings = load(definition_model(Role), role)
    Role("ops", settings, server).start()
    login = Accounts("accounts", NoSettings(), server)
    for user, expected in (
        ("bob", ["bob"]),
        ("admin", ["admin"]),
        ("jane", ["directory"]),
        ("nobody", ["directory", "ann"]),
    ):
        judged.clear()
        request = TestAccounts().request(basic(user, f"the password of {user}"))
        try:
            login.authenticate(request)
        except Exception as refused:
            assert user == "nobody", refused
        assert judged == expected
    server.close()


def test_a_last_use_that_could_not_be_written_is_written_with_the_next():
    server = LocalServer()
    away = [Unavailable("the store is away")]

    def records() -> Records:
        if away:
            raise away.pop()
        return server.records("accounts")

    uses = LastUses(records)
    uses.noted.add("shop")
    with pytest.raises(Unavailable):
        uses.write(1000.0)
    uses.noted.add("shop")
    uses.write(1001.0)
    assert server.records("accounts").read("shop") == b"1001"
    server.close()
