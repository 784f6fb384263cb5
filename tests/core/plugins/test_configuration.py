"""config.toml: read by the same settings as everything else, with every fault told at once by file
and key.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from hansa import Invalid, Model, NoSettings, Outgoing, Secret, setting
from hansa.contract.kinds import KINDS
from hansa.plugins.configuration import Config, read_config
from hansa.plugins.registry import Registry


class Mail(Model):
    host: Annotated[str, setting("Host")] = "localhost"
    port: Annotated[int, setting("Port", ge=1)] = 25
    password: Annotated[Secret | None, setting("Password")] = None


class MailOutgoing(Outgoing):
    type, Config = "mail", Mail


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Config]:
    def make(text: str, **options: Any) -> Config:
        (tmp_path / "config.toml").write_text(text)
        registry = Registry()
        registry.add_types("mail", [MailOutgoing])
        read = read_config(tmp_path / "config.toml", **options)
        read.validate({"mail": Mail}, KINDS, registry)
        return read

    return make


def faults_of(config: Callable[..., Config], tmp_path: Path, text: str) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        config(text)
    beginning = f"{tmp_path / 'config.toml'}: "
    assert all(key.startswith(beginning) for key in caught.value.errors), caught.value.errors
    return {key.removeprefix(beginning): fault for key, fault in caught.value.errors.items()}


def test_an_empty_file_gives_the_defaults(config: Callable[..., Config], tmp_path: Path):
    read = config("")
    assert (read.server.name, read.server.workers, read.log.level, read.services.files) == (
        "server1",
        2,
        "INFO",
        [],
    )
    assert read.dir == tmp_path / "var" and read.odb_url == f"sqlite:///{tmp_path}/var/odb.sqlite"
    assert read.section(Mail).port == 25 and read.definitions == [] and read.plugins.enabled is None
    with pytest.raises(KeyError):
        read.section(NoSettings)


def test_a_section_may_be_named_as_a_kind(tmp_path: Path):
    class Kept(Model):
        port: Annotated[int, setting("Port", ge=1)] = 25

    (tmp_path / "config.toml").write_text("[outgoing]\nport = 26\n[outgoing.mail.one]\nport = 27")
    read = read_config(tmp_path / "config.toml")
    read.validate({"outgoing": Kept}, KINDS)
    assert read.section(Kept).port == 26
    assert read.definitions == [("outgoing", "mail", "one", {"port": 27})]
    (tmp_path / "config.toml").write_text("[outgoing]\nport = 0\nports = 1\nmail = 2")
    with pytest.raises(Invalid) as caught:
        read_config(tmp_path / "config.toml").validate({"outgoing": Kept}, KINDS)
    faults = {key.rpartition(": ")[2]: fault for key, fault in caught.value.errors.items()}
    assert set(faults) == {"outgoing.port", "outgoing.ports", "outgoing.mail"}
    assert faults["outgoing.ports"].endswith("a setting one of: port")


def test_sections_definitions_and_what_the_command_line_says(
    config: Callable[..., Config], tmp_path: Path
):
    text = """
        [server]
        name = "a"
        dir = "elsewhere"
        [mail]
        port = 26
        [outgoing.mail.one]
        port = 27
        [outgoing.mail."two words"]
        [services]
        files = ["a/b.py"]
    """
    read = config(text, overrides={"server.workers": 3, "mail.host": "h"})
    assert (read.server.name, read.server.workers, read.dir) == ("a", 3, tmp_path / "elsewhere")
    assert (read.section(Mail).port, read.section(Mail).host) == (26, "h")
    assert read.definitions == [
        ("outgoing", "mail", "one", {"port": 27}),
        ("outgoing", "mail", "two words", {}),
    ]
    assert read.services.files == ["a/b.py"]
    assert config(text, directory=str(tmp_path / "given")).dir == tmp_path / "given"


def test_all_faults_at_once(config: Callable[..., Config], tmp_path: Path):
    faults = faults_of(
        config,
        tmp_path,
        """
        misplaced = 1
        [server]
        name = "a b"
        workers = 0
        wrokers = 2
        [odb]
        url = 5
        [log]
        level = "LOUD"
        [mail]
        port = "x"
        [mial]
        port = 1
        [outgoing.mail.one]
        prot = 1
        port = 0
        [outgoing.male.two]
        """,
    )
    assert set(faults) == {
        "misplaced",
        "server.name",
        "server.workers",
        "server.wrokers",
        "odb.url",
        "log.level",
        "mail.port",
        "mial",
        "outgoing.mail.one.prot",
        "outgoing.mail.one.port",
        "outgoing.male.two",
    }
    assert (
        "did you mean workers" in faults["server.wrokers"]
        and "there are: mail" in faults["outgoing.male.two"]
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("server = 5", "server"),
        ("plugins = 5", "plugins"),
        ("log = 'x'", "log"),
        ("[[server]]", "server"),
        ("[plugins]\nenabled = 'http'", "plugins.enabled"),
        ("[plugins]\nblocked = 5", "plugins.blocked"),
        ("channel = 5", "channel"),
        ("[channel]\nhttp = 5", "channel.http"),
        ("[channel.http]\na = 5", "channel.http.a"),
        ("[[outgoing]]", "outgoing"),
        ("[services]\nfiles = 'a.py'", "services.files"),
        ("[server]\ngrace = nan", "server.grace"),
        ("[server]\ngrace = -1", "server.grace"),
    ],
)
def test_tables_and_values_of_the_wrong_kind(
    config: Callable[..., Config], tmp_path: Path, text: str, key: str
):
    assert key in faults_of(config, tmp_path, text)


def test_references_in_the_file(
    config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MAIL_HOST", "h")
    (tmp_path / "password").write_text("hush\n")
    text = (
        f"[mail]\nhost = {{'$env' = 'MAIL_HOST'}}\npassword = {{'$file' = '{tmp_path}/password'}}"
    )
    read = config(text)
    assert (read.section(Mail).host, read.section(Mail).password) == ("h", "hush")
    assert "hush" not in repr(read.section(Mail))
    monkeypatch.delenv("MAIL_HOST")
    (tmp_path / "password").unlink()
    assert set(faults_of(config, tmp_path, text + "\nport = 0")) >= {"mail.host", "mail.password"}


@pytest.mark.parametrize("content", ["[server", "a = 1\na = 2", b"\xff\xfe", "[server]\n[server]"])
def test_what_is_no_toml_is_told_with_the_file(tmp_path: Path, content: str | bytes):
    path = tmp_path / "config.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(Invalid, match=r"config.toml: is not valid TOML"):
        read_config(path)


def test_a_file_that_is_not_there(tmp_path: Path):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(Invalid) as caught:
            read_config(path)
        assert list(caught.value.errors) == [str(path)] and "cannot be read" in str(caught.value)


def test_an_override_of_what_is_no_table_leaves_the_fault_to_validation(tmp_path: Path):
    (tmp_path / "config.toml").write_text("server = 5")
    read = read_config(tmp_path / "config.toml", overrides={"server.workers": 3})
    with pytest.raises(Invalid) as caught:
        read.validate({}, KINDS)
    assert list(caught.value.errors) == [f"{tmp_path / 'config.toml'}: server"]


def test_sections_of_core_are_there_before_plugins_are(tmp_path: Path):
    (tmp_path / "config.toml").write_text("server = { workers = 3 }")
    read = read_config(tmp_path / "config.toml")
    assert read.server.workers == 3 and read.log.level == "INFO"
    with pytest.raises(KeyError):
        read.section(Mail)
