"""OpenLDAP's slapd with a few people and groups, on free ports, with LDAPS and StartTLS."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.servers import RealServer
from hansa_ldap.security import Ldap
from hansa_ldap.settings import LdapSettings

SERVICE = "cn=hansa,ou=services,dc=example,dc=com"
SERVICE_PASSWORD = "the service's own"
PEOPLE = "ou=people,dc=example,dc=com"
GROUPS = "ou=groups,dc=example,dc=com"
ALICE = f"uid=alice,{PEOPLE}"

CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/server.crt
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
database mdb
suffix dc=example,dc=com
rootdn cn=root,dc=example,dc=com
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact={service} read by self read by * none
"""
ENTRY = "dn: {dn}\n{lines}\n"
PERSON = "objectClass: inetOrgPerson\ncn: {cn}\nsn: {cn}\nuid: {uid}\nuserPassword: {password}\n"


def _person(uid: str, password: str, more: str = "") -> str:
    dn = f"uid={uid},{PEOPLE}"
    lines = PERSON.format(cn=uid, uid=uid, password=password) + more
    return ENTRY.format(dn=dn, lines=lines)


def _group(name: str, *members: str) -> str:
    lines = "".join(f"member: {one}\n" for one in members)
    text = f"objectClass: groupOfNames\ncn: {name}\n{lines}"
    return ENTRY.format(dn=f"cn={name},{GROUPS}", lines=text)


ENTRIES = "".join(
    [
        ENTRY.format(
            dn="dc=example,dc=com",
            lines="objectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n",
        ),
        *(
            ENTRY.format(
                dn=f"ou={name},dc=example,dc=com",
                lines=f"objectClass: organizationalUnit\nou: {name}\n",
            )
            for name in ("people", "groups", "services")
        ),
        ENTRY.format(
            dn=SERVICE,
            lines="objectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: hansa\n"
            f"userPassword: {SERVICE_PASSWORD}\n",
        ),
        # inetOrgPerson has no memberOf without the overlay: an attribute that it has stands in
        _person("alice", "wonderland", f"businessCategory: cn=writers,{GROUPS}\n"),
        _person("bob", "builder"),
        _person("zoë", "émigré"),
        _person("twice", "one", "uid: double\n"),
        _person("other", "two", "uid: double\n"),
        _group("staff", ALICE, f"uid=bob,{PEOPLE}"),
        _group("R\\26D", ALICE),
    ]
)


class Slapd(RealServer):
    """The server, filled."""

    name = "slapd"
    package = "slapd"
    programs = ("slapd", "slapadd")
    port_names = ("ldap", "ldaps")

    def prepare(self) -> None:
        """Make the certificate, the configuration and the database."""
        folder = self.folder
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        words += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=slapd"]
        words += ["-addext", "subjectAltName=IP:127.0.0.1"]
        words += ["-keyout", f"{folder}/server.key", "-out", f"{folder}/server.crt"]
        subprocess.run(words, check=True, capture_output=True, timeout=30)
        (folder / "data").mkdir()
        text = CONFIG.format(folder=folder, service=SERVICE)
        (folder / "slapd.conf").write_text(text)
        (folder / "entries.ldif").write_text(ENTRIES)
        words = [self.program("slapadd"), "-q", "-f", f"{folder}/slapd.conf"]
        words += ["-l", f"{folder}/entries.ldif"]
        subprocess.run(words, check=True, capture_output=True, timeout=30)
        for path in [folder / "server.key", folder / "data", *(folder / "data").iterdir()]:
            path.chmod(0o777)

    def command(self) -> list[str]:
        """Run it in the foreground."""
        urls = f"ldap://127.0.0.1:{self.ports['ldap']} ldaps://127.0.0.1:{self.ports['ldaps']}"
        return [self.program("slapd"), "-d", "0", "-f", f"{self.folder}/slapd.conf", "-h", urls]

    @classmethod
    def version(cls) -> str:
        """What slapd says of itself."""
        done = subprocess.run(
            [cls.program("slapd"), "-VV"], capture_output=True, text=True, timeout=30, check=False
        )
        return (done.stdout + done.stderr).partition("slapd ")[2].split(" ")[0]

    @property
    def url(self) -> str:
        """Its address without TLS."""
        return f"ldap://127.0.0.1:{self.ports['ldap']}"

    @property
    def secure_url(self) -> str:
        """Its address with TLS."""
        return f"ldaps://127.0.0.1:{self.ports['ldaps']}"

    @property
    def authority(self) -> Path:
        """The file with the authority of its certificate."""
        return self.folder / "server.crt"

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Settings that search for users."""
        return {
            "servers": [self.url],
            "tls_ca": str(self.authority),
            "search_base": PEOPLE,
            "bind_dn": SERVICE,
            "bind_password": SERVICE_PASSWORD,
            "group_base": GROUPS,
            "timeout": 5,
            **changes,
        }


def make(settings: dict[str, Any], server: LocalServer | None = None) -> Ldap:
    """A definition, not started."""
    return Ldap("staff", load(LdapSettings, settings), server or LocalServer())
