"""The key of a running server, by the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa import KeyFile

if TYPE_CHECKING:
    from plugins.cli.tests.conftest import CommandLine


def test_the_key_is_replaced_while_the_server_serves(cli: CommandLine) -> None:
    file = KeyFile(cli.server.dir / "secret.key")
    (old,) = file.fingerprints()
    cli.ok("security", "basic", "create", "out", "--username", "u", "--password", "s", "--signs")
    exported = cli.ok("export", "-")
    assert f"current key {old[:12]}" in cli.ok("key", "list")
    said = cli.ok("key", "rotate")
    (new,) = file.fingerprints()
    assert new != old
    kept = file.path.with_name(f"secret.key.old-{old[:12]}")
    assert said.splitlines() == [
        f"server1: the new key {new[:12]} is in {file.path.resolve()}",
        f"the cluster uses the key {new[:12]}: all that it has stored is encrypted anew",
        f"server1: the old key is kept in {kept.resolve()}",
    ]
    assert cli.json("key", "list")["current"] == new
    cli.ok("security", "basic", "edit", "out", "--realm", "x")
    # an export of before is read with the old key beside the new one, and stored under the new one
    file.path.write_text(f"{file.read()[0]},{kept.read_text()}")
    earlier = cli.server.dir / "earlier.json"
    earlier.write_text(exported)
    cli.ok("apply", str(earlier))
    assert cli.ok("key", "rotate").splitlines()[0] == "an earlier rotation is finished"
    assert file.fingerprints() == [new]
    cli.ok("security", "basic", "edit", "out", "--realm", "y")


def test_a_new_key_for_a_configuration(cli: CommandLine) -> None:
    assert KeyFile.fingerprint_of(cli.ok("key", "new").strip())
    refused = cli.run("key", "rotate", "--from", str(cli.server.dir / "admin.password"))
    assert refused.exit_code == 1
    assert "must be 32 random bytes" in refused.output
