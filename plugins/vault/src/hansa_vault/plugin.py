"""The hooks of hansa-vault: what resolves `$vault`, and the thread that reads secrets again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa import Invalid, Server, hookimpl

from .settings import VaultSection

if TYPE_CHECKING:
    from .secrets import VaultSecrets


class Vault:
    """The vault of a worker; `secrets` is None where none is configured."""

    def __init__(self, secrets: VaultSecrets | None) -> None:
        self.secrets = secrets


@hookimpl
def hansa_startup(server: Server) -> Vault:
    """Return the vault, which is asked from now on; one that is down is no failure."""
    section = server.section(VaultSection)
    if not section.address:
        return Vault(None)
    # PERF: its library takes 110 ms to import; only servers with a vault need it
    from .client import VaultClient
    from .secrets import VaultSecrets
    from .session import VaultSession

    def changed(reference: str) -> None:
        server.objects.renew("vault", reference)

    secrets = VaultSecrets(VaultSession(VaultClient(section)), section.refresh, changed)
    secrets.start()
    return Vault(secrets)


@hookimpl
def hansa_secret(server: Server, reference: str, value: object) -> str | None:
    """Return the secret behind `{"$vault": "path#field"}`."""
    if reference != "vault":
        return None
    secrets = server.resource(Vault).secrets
    if secrets is None:
        raise Invalid("there is no vault: [vault] address is not set")
    return secrets.value(value)


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Stop asking the vault."""
    secrets = server.resource(Vault).secrets
    if secrets is not None:
        secrets.stop()
