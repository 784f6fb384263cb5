"""Logins that security definitions supply to connections."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hansa import HansaError, Invalid, Request, Security, Unavailable, load
from hansa_devkit import LocalServer
from hansa_devkit.contract import Contract
from hansa_security.apikey import ApiKey
from hansa_security.basic import Basic
from hansa_security.bearer import Bearer
from hansa_security.certificate import Certificate

TOKEN = "Zk3vQ0pX9sLwT7uYbR2nM5cD8fGhJ1aE4iO6kP-_xyz"
GIVEN: list[tuple[Any, dict[str, object]]] = [
    (Basic, {"username": "ada", "password": "engine no. 1"}),
    (Bearer, {"tokens": [TOKEN, TOKEN[::-1]]}),
    (ApiKey, {"key": TOKEN}),
]


def make(cls: Any, **settings: object) -> Security[Any]:
    found: Security[Any] = cls("partner", cls.prepare(load(cls.Config, settings)), LocalServer())
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two keys with certificates that they sign themselves, and one that is encrypted."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, protection in (("a", "-nodes"), ("b", "-nodes"), ("c", "-passout=pass:x")):
        subject = f"-subj=/CN={name}".split("=", 1)
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        words += ["ec_paramgen_curve:prime256v1", *subject, "-days", "2"]
        words += protection.split("=", 1)
        words += ["-keyout", f"{name}.key", "-out", f"{name}.crt"]
        subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=20)
    return folder


@pytest.mark.parametrize(("cls", "settings"), GIVEN)
def test_one_that_signs_supplies_its_login(cls, settings):
    login = make(cls, **settings, signs=True).login()
    if cls is Basic:
        assert (login.means, login.username, login.password) == ("password", "ada", "engine no. 1")
    else:
        assert (login.means, login.token, login.username) == ("token", TOKEN, "")
    assert "engine" not in repr(login) and TOKEN not in repr(login)


@pytest.mark.parametrize(("cls", "settings"), GIVEN)
def test_one_that_keeps_a_hash_says_which_setting_to_change(cls, settings):
    with pytest.raises(HansaError, match=r"partner neither signs .* its setting signs is off"):
        make(cls, **settings).login()


def test_a_certificate_supplies_its_files(files):
    paths = {"certificate": f"{files}/a.crt", "key": f"{files}/a.key"}
    one = make(Certificate, **paths, username="ada")
    one.start()
    login = one.login()
    assert (login.means, login.certificate, login.key) == ("certificate", *paths.values())
    assert login.username == "ada"
    assert one.ping() == f"presents {files}/a.crt"
    with pytest.raises(NotImplementedError, match="does not authenticate"):
        one.authenticate(Request())


@pytest.mark.parametrize(
    ("certificate", "key", "error", "text"),
    [
        ("a.crt", "b.key", Invalid, "is not the key of"),
        ("a.key", "a.key", Invalid, "no PEM file"),
        ("c.crt", "c.key", Invalid, "is encrypted"),
        ("none", "a.key", Unavailable, "none cannot be read"),
    ],
)
def test_files_that_do_not_fit_are_told_when_it_starts(files, certificate, key, error, text):
    paths = {"certificate": os.path.join(files, certificate), "key": os.path.join(files, key)}
    with pytest.raises(error, match=text):
        make(Certificate, **paths).start()


class TestCertificate(Contract):
    """It lets nobody in, so that only what every type must hold is asked of it."""

    cls = Certificate

    @pytest.fixture(autouse=True)
    def _files(self, files):
        self.good = {"certificate": f"{files}/a.crt", "key": f"{files}/a.key"}
