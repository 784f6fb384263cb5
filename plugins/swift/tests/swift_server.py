"""OpenStack Swift for the tests: a proxy with tempauth over TLS, in front of storage that all share.

Swift's dependencies conflict with those of the tests, so it has a virtual environment of its own, in
the user's cache; it is made once, from server-requirements.txt.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import requests
from hansa_devkit.servers import RealServer

from plugins.ftp.tests.servers import certificate

VERSION = "2.38.3"
HERE = Path(__file__).parent
CONTAINER = "orders"
KINDS = ("account", "container", "object")


def cached_environment() -> Path:
    """Return the folder of Swift's programs; it is made if it is not there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    place = cache / "hansa-tests" / f"swift-{VERSION}-{python}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            uv = str(Path(sys.executable).with_name("uv"))
            made = [uv, "venv", "-q", "--clear", "--python", sys.executable, str(place)]
            subprocess.run(made, check=True, timeout=300)
            wanted = ["-r", str(HERE / "server-requirements.txt")]
            into = ["--python", str(place / "bin" / "python")]
            install = [uv, "pip", "install", "-q", "--require-hashes", *into, *wanted]
            subprocess.run(install, check=True, timeout=600)
            (place / "complete").touch()
    return place / "bin"


class SwiftServer(RealServer):
    """What both parts have: they are run by the environment's own Python."""

    package = "memcached"
    programs = ("memcached",)
    as_nobody = False  # the program is in the cache of the user
    patience = 90.0
    _programs: ClassVar[Path | None] = None

    @classmethod
    def installed(cls) -> Path:
        """Where Swift's programs are."""
        if SwiftServer._programs is None:
            SwiftServer._programs = cached_environment()
        return SwiftServer._programs

    @classmethod
    def version(cls) -> str:
        return VERSION

    def script(self, name: str, *arguments: str) -> list[str]:
        """Return how to run a script of this folder by the Python of Swift."""
        return [str(self.installed() / "python"), str(HERE / name), *arguments]


class Storage(SwiftServer):
    """The servers of accounts, containers and objects, with one device each, and memcached."""

    name = "swift"
    port_names = (*KINDS, "memcached")

    def prepare(self) -> None:
        (self.folder / "devices" / "d1").mkdir(parents=True)
        self.write("swift.conf", "[swift-hash]\nswift_hash_path_suffix = tests\n")
        for kind in KINDS:
            self.write(
                f"{kind}.conf",
                f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {self.ports[kind]}\nworkers = 0\n"
                f"devices = {self.folder}/devices\nmount_check = false\nuser = {_user()}\n"
                f"swift_dir = {self.folder}\ndisable_fallocate = true\nlog_address = /nowhere\n"
                f"[pipeline:main]\npipeline = {kind}-server\n"
                f"[app:{kind}-server]\nuse = egg:swift#{kind}\n",
            )
        rings = [f"{kind}={self.ports[kind]}" for kind in KINDS]
        self.run(self.script("make_rings.py", str(self.folder), *rings))

    def command(self) -> list[str]:
        memcached = ["-l", "127.0.0.1", "-p", str(self.ports["memcached"]), "-u", _user()]
        commands = [" ".join([self.program("memcached"), *memcached])]
        for kind in KINDS:
            server = self.installed() / f"swift-{kind}-server"
            commands.append(f"{self.installed() / 'python'} {server} {self.folder}/{kind}.conf")
        return self.script("run_together.py", *commands)

    def ready(self) -> bool:
        return all(_answers(f"http://127.0.0.1:{self.ports[kind]}/healthcheck") for kind in KINDS)


class Swift(SwiftServer):
    """The proxy, which clients speak with: it is what tests kill, pause and restart."""

    name = "swift proxy"
    port_names = ("https",)
    username = "test:tester"

    def __init__(self, storage: Storage) -> None:
        super().__init__()
        self.storage = storage
        self.password = "testing"
        self._token: tuple[str, str] | None = None
        self._sessions = threading.local()  # a handshake for each request takes as long as the rest

    def prepare(self) -> None:
        self.pem = self.write("server.pem", certificate("127.0.0.1"))

    def command(self) -> list[str]:
        self.write(
            "proxy.conf",
            f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {self.port}\nworkers = 0\n"
            f"user = {_user()}\nswift_dir = {self.storage.folder}\nlog_address = /nowhere\n"
            f"cert_file = {self.pem}\nkey_file = {self.pem}\n"
            "[pipeline:main]\npipeline = catch_errors healthcheck cache tempurl tempauth copy bulk dlo"
            " slo proxy-server\n"
            "[app:proxy-server]\nuse = egg:swift#proxy\nallow_account_management = true\n"
            "account_autocreate = true\nobject_post_as_copy = false\n"
            "[filter:catch_errors]\nuse = egg:swift#catch_errors\n"
            "[filter:healthcheck]\nuse = egg:swift#healthcheck\n"
            "[filter:cache]\nuse = egg:swift#memcache\n"
            f"memcache_servers = 127.0.0.1:{self.storage.ports['memcached']}\n"
            "[filter:tempurl]\nuse = egg:swift#tempurl\n"
            "[filter:tempauth]\nuse = egg:swift#tempauth\n"
            f"user_test_tester = {self.password} .admin\nuser_test_reader = reading\n"
            "[filter:copy]\nuse = egg:swift#copy\n[filter:bulk]\nuse = egg:swift#bulk\n"
            "[filter:dlo]\nuse = egg:swift#dlo\n[filter:slo]\nuse = egg:swift#slo\nmin_segment_size = 1\n",
        )
        server = self.installed() / "swift-proxy-server"
        return [str(self.installed() / "python"), str(server), f"{self.folder}/proxy.conf"]

    def ready(self) -> bool:
        try:
            self.request("PUT", CONTAINER)
        except requests.RequestException:
            return False
        return True

    @property
    def address(self) -> str:
        """Where it logs in."""
        return f"https://127.0.0.1:{self.port}/auth/v1.0"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        return {
            "auth_url": self.address,
            "auth_type": "v1password",
            "username": self.username,
            "password": self.password,
            "tls_ca": str(self.pem),
            "container": CONTAINER,
        }

    # -- what others do with it, without the library -----------------------------------------------

    def request(
        self, method: str, path: str, body: bytes = b"", **options: Any
    ) -> requests.Response:
        """Send a request below the account; raises for a refusal."""
        given = options.pop("headers", {})
        session = self._session()
        for _ in range(2):
            url, token = self._token or self._log_in(session)
            headers = {"X-Auth-Token": token, **given}
            where = f"{url}/{quote(path)}"
            asked = requests.Request(method, where, data=body, headers=headers, **options)
            prepared = session.prepare_request(asked)
            # `..` is a name as well, and requests would make a path of it
            found = urlsplit(str(prepared.url))
            prepared.url = found._replace(path=urlsplit(where).path).geturl()
            answer = session.send(prepared, timeout=20)
            if answer.status_code != 401:
                break
            self._token = None
        if not (method == "DELETE" and answer.status_code == 404):
            answer.raise_for_status()
        return answer

    def _session(self) -> requests.Session:
        found: requests.Session | None = getattr(self._sessions, "one", None)
        if found is None:
            found = requests.Session()
            found.trust_env = False
            found.verify = str(self.pem)
            self._sessions.one = found
        return found

    def kill(self) -> None:
        self._sessions = threading.local()
        super().kill()

    def _log_in(self, session: requests.Session) -> tuple[str, str]:
        login = {"X-Auth-User": self.username, "X-Auth-Key": self.password}
        told = session.get(self.address, headers=login, timeout=20)
        told.raise_for_status()
        self._token = (told.headers["X-Storage-Url"], told.headers["X-Auth-Token"])
        return self._token

    def put(self, name: str, body: bytes, **headers: str) -> None:
        """Store an object."""
        self.request("PUT", f"{CONTAINER}/{name}", body, headers=headers)

    def get(self, name: str) -> bytes:
        """Return the content of an object."""
        return self.request("GET", f"{CONTAINER}/{name}").content

    def remove(self, name: str) -> None:
        """Delete an object."""
        self.request("DELETE", f"{CONTAINER}/{name}")

    def names(self, prefix: str = "", container: str = CONTAINER) -> list[str]:
        """Return the names of all objects."""
        told = self.request("GET", container, params={"prefix": prefix, "format": "json"})
        return [one["name"] for one in told.json()]

    def containers(self) -> list[str]:
        """Return the names of all containers."""
        return [one["name"] for one in self.request("GET", "", params={"format": "json"}).json()]

    def clear(self) -> None:
        """Delete all objects, and all containers but the one."""
        for container in self.containers():
            while names := self.names(container=container):
                paths = "\n".join(quote(f"{container}/{name}") for name in names)
                kind = {"Content-Type": "text/plain", "Accept": "application/json"}
                done = self.request(
                    "POST", "", paths.encode(), params={"bulk-delete": "1"}, headers=kind
                )
                assert not done.json()["Errors"], done.text
            if container != CONTAINER:
                self.request("DELETE", container)


def _answers(url: str) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return bool(session.get(url, timeout=2).status_code)
    except requests.RequestException:
        return False


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
