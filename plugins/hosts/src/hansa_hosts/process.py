"""The process of the authority: it answers other hosts over TLS, by a certificate of its own."""

from __future__ import annotations

import logging
import signal
import tomllib
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

from hansa import Invalid, Model, load, print_lines, resolve, setting
from hansa_http.certificate import ServerCertificate
from hansa_loadbalancer.settings import is_address
from hansa_quickstart.files import CERTIFICATE
from hansa_web.listener import WebServer
from hansa_web.process import listen
from hansa_web.settings import WebSection

from .service import LARGEST, build

SECTION: Final = "authority"
_THREADS: Final = 4


class AuthoritySection(Model):
    """The authority: `[authority]`."""

    address: Annotated[
        str, setting("HOST:PORT where other hosts ask it", example="10.0.0.1:8185")
    ] = ""

    def check(self) -> None:
        """Refuse what is not HOST:PORT; raises `Invalid`."""
        if not is_address(self.address):
            raise Invalid({"address": f"{self.address!r} is not a valid HOST:PORT"})


def run_process(config: Path, authority: Path) -> None:
    """Answer until SIGTERM or SIGINT; raises `Invalid` for a configuration that is not valid, and an
    address that cannot be listened at.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    address = _read(config).address
    certificate = ServerCertificate(authority / CERTIFICATE)
    section = WebSection(address=address, certificate=CERTIFICATE, threads=_THREADS)
    application = build(authority.parent)
    server = WebServer(application, listen(address), section, certificate, LARGEST)

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    print_lines(f"The authority is at https://{address}/")
    try:
        server.run()
    finally:
        server.close()


def _read(config: Path) -> AuthoritySection:
    try:
        data = tomllib.loads(config.read_text())
        return load(AuthoritySection, resolve(data.get(SECTION, {})))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid({str(config): f"cannot be read: {error}"}) from None
    except Invalid as invalid:
        faults = {f"{config}: {SECTION}.{key}": fault for key, fault in invalid.errors.items()}
        raise Invalid(faults) from None
