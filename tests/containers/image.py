"""The file system of the container image, made without an engine, and its commands run in it.

At the small size Debian is the one that runs the tests, lent read-only without the packages of
Python that it has; HANSA_SIZE=full makes it by debootstrap from a mirror, as small as the image's.
Whatever is mounted is mounted in a namespace of the command that needs it, and gone with it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests
from hansa_devkit.harness.ports import free_port

from tests.cluster.running import FULL
from tools.project import TOP

PACKAGING = TOP / "packaging"
CONTAINERFILE = (PACKAGING / "Containerfile").read_text()
DEBIAN = "/usr/bin/python3.11"
"""The Python of Debian 12, for which packages are installed."""
USER = 10001
ALONE = ["unshare", "--mount", "--propagation", "private"]
"""Runs a command that sees its own mounts, which end with it."""
LENT = ("bin", "lib", "lib64", "sbin", "share")
"""Folders of /usr that are those of this machine; /usr/local is the image's own."""
COPIED = ("group", "hosts", "nsswitch.conf", "passwd", "python3.11", "ssl/certs", "ssl/openssl.cnf")
"""What of /etc the image has too."""
MOUNTS = """
set -eu
mount --bind /usr/bin /usr/bin
mount -o remount,bind,ro /usr/bin
mount -t tmpfs tmpfs /tmp
mount -t proc proc /proc
mount --rbind /dev /dev
exec chroot --userspec=10001:10001 / /usr/bin/true
"""
IN_PLACE = """
set -eu
mount --bind "$ROOT" "$ROOT"
mount -o remount,bind,ro "$ROOT"
for lent in $LENT; do
    mount --bind "/usr/$lent" "$ROOT/usr/$lent"
    mount -o remount,bind,ro "$ROOT/usr/$lent"
done
[ -z "$LENT" ] || mount -t tmpfs -o ro tmpfs "$ROOT/usr/lib/python3/dist-packages"
mount --bind "$STATE" "$ROOT/var/lib/hansa"
mount --bind "$SECRETS" "$ROOT/run/secrets/hansa"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$ROOT/tmp"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
exec chroot --userspec=10001:10001 "$ROOT" /usr/bin/env -i "$@"
"""
NO_MIRROR = re.compile(r"E: (Failed getting release file|Couldn't download|Invalid Release file)")
"""What debootstrap says if the mirror does not answer, or something else does."""


def what_is_missing() -> str:
    """Return why the image cannot be made here; empty if it can."""
    if not Path(DEBIAN).exists() or Path("/usr/bin/python3").resolve() != Path(DEBIAN):
        return "the image has the Python of Debian 12, which is not that of this machine"
    if FULL and shutil.which("debootstrap") is None:
        return "debootstrap makes the image's Debian, and is not there"
    command = [*ALONE, "sh", "-c", MOUNTS]
    tried = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if tried.returncode:
        return f"mounts and chroot are not permitted here: {tried.stderr.strip()}"
    return ""


def said(instruction: str) -> str:
    """Return what the last stage of the Containerfile says of an instruction."""
    return re.findall(rf"^{instruction} (.*)$", CONTAINERFILE, re.M)[-1]


def make_image(root: Path) -> None:
    """Make the file system of the image, as the Containerfile does; the test is left out if no
    mirror of Debian answers.
    """
    (debootstrapped if FULL else lent)(root)
    environment = {
        **os.environ,
        "UV": str(Path(sys.executable).parent / "uv"),
        "PYTHON": DEBIAN,
        "UV_SYSTEM_CERTS": "1",
    }
    install = [str(PACKAGING / "install.sh"), str(root / "opt/hansa")]
    subprocess.run(install, check=True, timeout=600, env=environment)
    for source, target in re.findall(r"^COPY packaging/(\S+) (/\S+)$", CONTAINERFILE, re.M):
        copied = root / target.removeprefix("/")
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGING / source, copied)
    for folder in ("var/lib/hansa", "run/secrets/hansa"):
        (root / folder).mkdir(parents=True)


def debootstrapped(root: Path) -> None:
    """Make the Debian of the image from a mirror."""
    include = "--include=python3,ca-certificates"
    command = [*ALONE, "debootstrap", "--variant=minbase", include, "bookworm", str(root)]
    made = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    if made.returncode and (why := NO_MIRROR.search(made.stdout + made.stderr)):
        pytest.skip(f"no mirror of Debian answers: debootstrap says {why[0]!r}")
    assert made.returncode == 0, made.stdout + made.stderr


def lent(root: Path) -> None:
    """Make the folders in which the Debian of this machine is seen."""
    for name in ("dev", "etc/ssl", "proc", "tmp", *(f"usr/{name}" for name in LENT)):
        (root / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    for name in COPIED:
        source = Path("/etc") / name
        if source.is_dir():
            shutil.copytree(source, root / "etc" / name, symlinks=True)
        elif source.exists():
            shutil.copy(source, root / "etc" / name)


class Container:
    """The image with a state, secrets and a name, as a container engine would run it."""

    def __init__(self, root: Path, state: Path, secrets: Path, name: str) -> None:
        self.port = free_port()
        self._places = {
            "ROOT": str(root),
            "STATE": str(state),
            "SECRETS": str(secrets),
            "LENT": "" if FULL else " ".join(LENT),
        }
        self._variables = [
            f"HOSTNAME={name}",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "HANSA_ADMIN_PASSWORD_FILE=/run/secrets/hansa/admin-password",
            *shlex.split(said("ENV")),
        ]
        state.mkdir()
        os.chown(state, USER, USER)

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        """Run a command in it."""
        command = [*ALONE, "sh", "-c", IN_PLACE, "sh", *self._variables, *words]
        return subprocess.Popen(command, env={**os.environ, **self._places})

    def serve(self) -> subprocess.Popen[bytes]:
        """Run what the image runs, at a free port."""
        entry, command = json.loads(said("ENTRYPOINT")), json.loads(said("CMD"))
        return self.run(*entry, *command, "--http", f"127.0.0.1:{self.port}")

    def is_healthy(self) -> bool:
        """Carry out the health check of the image."""
        check = json.loads(re.findall(r"^HEALTHCHECK .*? CMD (.*)$", CONTAINERFILE, re.M)[0])
        checking = self.run(*check, str(self.port))
        try:
            return checking.wait(60) == 0
        finally:
            end(checking)

    def answers(self, path: str) -> bool:
        """Whether it answers with 200."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def api(self, service: str, password: str, /, **settings: str) -> requests.Response:
        """Call the admin API."""
        url = f"http://127.0.0.1:{self.port}/hansa/api/{service}"
        return requests.post(url, json=settings, auth=("admin", password), timeout=60)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command, if it still runs, with what it has started."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.kill()
    for each in family:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait(60)
    psutil.wait_procs(family, 60)
