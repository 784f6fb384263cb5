"""Settings of the vault: `[vault]` in config.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hansa import Invalid, Model, Secret, setting

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"


class VaultSection(Model):
    """The vault that settings may refer to, and how this server logs in to it: `[vault]`."""

    address: Annotated[
        str,
        setting(
            "URL of the vault; https, or http on this machine. Empty: there is none",
            example="https://vault.example.com:8200",
        ),
    ] = ""
    namespace: Annotated[
        str, setting("Namespace of the vault, where it has several", example="orders")
    ] = ""
    mount: Annotated[
        str,
        setting(
            "Where the secrets engine, KV version 2, is mounted", pattern="^[^/?#]+(/[^/?#]+)*$"
        ),
    ] = "secret"
    token: Annotated[
        Secret | None, setting("Token that logs in; renewed before it ends, if it can be")
    ] = None
    role_id: Annotated[str, setting("Role ID that logs in by AppRole, with secret_id")] = ""
    secret_id: Annotated[Secret | None, setting("Secret ID that goes with role_id")] = None
    kubernetes_role: Annotated[
        str, setting("Role that logs in by Kubernetes, with the token of the service account")
    ] = ""
    kubernetes_token: Annotated[
        str,
        setting("File with the token of the service account, read at each login", advanced=True),
    ] = SERVICE_ACCOUNT
    auth_mount: Annotated[
        str,
        setting(
            "Where the login method is mounted; empty is approle or kubernetes",
            pattern="^([^/?#]+(/[^/?#]+)*)?$",
            advanced=True,
        ),
    ] = ""
    tls_ca: Annotated[
        str,
        setting(
            "PEM file of certificate authorities to trust; empty for those of the system",
            example="/etc/ssl/vault-ca.pem",
        ),
    ] = ""
    timeout: Annotated[
        float,
        setting("Maximum time of one request to the vault, in seconds", gt=0, le=60, advanced=True),
    ] = 5.0
    refresh: Annotated[
        float,
        setting(
            "Interval in seconds at which secrets in use are read again; what uses one that was "
            "changed is started again",
            ge=1,
            le=86400,
        ),
    ] = 60.0

    def check(self) -> None:
        """There is one way to log in, and the address is secure."""
        faults = {**self._faults_of_address(), **self._faults_of_login()}
        if self.tls_ca and not Path(self.tls_ca).is_file():
            faults["tls_ca"] = f"there is no file {self.tls_ca}"
        if faults:
            raise Invalid(faults)

    def _faults_of_address(self) -> dict[str, str]:
        if not self.address:
            return {}
        # in a function, since this module is loaded early, where nothing of hansa-http is
        from hansa_http.secure_url import fault_of_secure_url

        fault = fault_of_secure_url(self.address, "secrets come from it")
        return {"address": fault} if fault else {}

    def _faults_of_login(self) -> dict[str, str]:
        ways = [name for name in ("token", "role_id", "kubernetes_role") if getattr(self, name)]
        if len(ways) > 1:
            return {ways[1]: f"excludes {ways[0]}: there is one way to log in"}
        if bool(self.role_id) != bool(self.secret_id):
            missing = "secret_id" if self.role_id else "role_id"
            return {missing: "required: role_id and secret_id log in together"}
        if self.address and not ways:
            return {"token": "required, or role_id and secret_id, or kubernetes_role"}
        if ways and not self.address:
            return {"address": "required"}
        return {}
