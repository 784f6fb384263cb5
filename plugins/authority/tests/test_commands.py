"""An authority is created, and signs certificates, by commands whose words are Zato's as well."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from cryptography import x509
from hansa_authority.commands import ca


def files(*words: str | Path) -> list[Path]:
    """Run a command and return the files that it tells."""
    done = CliRunner().invoke(ca, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [Path(line) for line in done.output.splitlines()]


def test_an_authority_signs_for_each_component(tmp_path: Path):
    folder = tmp_path / "ca"
    assert all(one.is_file() for one in files("create", "ca", folder, "--common-name", "house"))
    for component in ("lb_agent", "server", "web_admin"):
        made = files("create", component, folder, "--common-name", f"a-{component}")
        [path] = [one for one in made if "cert" in one.name and "ca" not in one.name]
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        assert f"CN=a-{component}" in certificate.subject.rfc4514_string()
        assert "CN=house" in certificate.issuer.rfc4514_string()
    assert CliRunner().invoke(ca, ["create", "server", str(tmp_path / "none")]).exit_code == 2
