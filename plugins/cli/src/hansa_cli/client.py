"""A client of the admin API over plain HTTP, and the errors that a command line ends with."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import click

from .access import PASSWORD_VARIABLE as VARIABLE, USER, password_file

TIMEOUT = 120.0
DEFAULT = "http://127.0.0.1:11223"


class Refusal(click.ClickException):
    """The server refused: its problem details (RFC 9457), shown with one line per faulty setting; exit code 1."""

    exit_code = 1

    def __init__(self, problem: dict[str, Any], hint: str = "") -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or "refused"))
        self.problem, self.hint = problem, hint

    def format_message(self) -> str:
        """Title, faults by setting, and the cid to look for in the server's log."""
        errors = {str(key): str(value) for key, value in (self.problem.get("errors") or {}).items()}
        lines = [f"{self.problem.get('title', 'Refused')} ({self.problem.get('status')})"]
        if errors:
            lines += [
                f"  {name}: {fault}" if name else f"  {fault}" for name, fault in errors.items()
            ]
        else:
            lines += [f"  {self.message}"]
        lines += [f"  {self.hint}"] if self.hint else []
        lines += [f"  cid {self.problem['cid']}"] if self.problem.get("cid") else []
        return "\n".join(lines)


class Unreachable(click.ClickException):
    """No server answers there; exit code 3."""

    exit_code = 3


class Client:
    """Calls admin services. `server` is its URL, `directory` the server's folder, where address and password are found."""

    def __init__(self, server: str | None, directory: str, password_from: str | None) -> None:
        self.directory = Path(directory)
        self.url, self.url_from = self._find_url(server)
        self.password, self.password_from = self._find_password(password_from)
        self._opener: Any = None

    def _find_url(self, server: str | None) -> tuple[str, str]:
        if server:
            parts = urlsplit(server if "://" in server else f"http://{server}")
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise click.UsageError(f"--server: {server!r} is no URL such as {DEFAULT}")
            return urlunsplit(
                parts._replace(path=parts.path.rstrip("/"), query="", fragment="")
            ), "--server or HANSA_SERVER"
        file = self.directory / "run" / "server.json"
        try:
            found = str(json.loads(file.read_text())["http"])
        except (OSError, ValueError, KeyError):
            return DEFAULT, f"the default, since {file} names none"
        parts = urlsplit(found)
        if parts.hostname in ("0.0.0.0", "::"):
            loopback = "127.0.0.1" if parts.hostname == "0.0.0.0" else "[::1]"
            found = urlunsplit(parts._replace(netloc=f"{loopback}:{parts.port}"))
        return found, str(file)

    def _find_password(self, given: str | None) -> tuple[str, str]:
        if given:
            try:
                return Path(given).read_text().removesuffix("\n"), f"the file {given}"
            except (OSError, UnicodeDecodeError) as error:
                raise click.UsageError(
                    f"--password-file: {given} cannot be read: {error}"
                ) from None
        if os.environ.get(VARIABLE):
            return os.environ[VARIABLE], f"the environment variable {VARIABLE}"
        file = password_file(self.directory)
        try:
            return file.read_text().removesuffix("\n"), f"the file {file}"
        except OSError:
            return "", ""

    def call(self, service: str, data: Any = None) -> Any:
        """The answer of an admin service; raises `Refusal` or `Unreachable`."""
        return self._send(
            f"/hansa/api/{service}", json.dumps({} if data is None else data).encode()
        )

    def openapi(self) -> dict[str, Any]:
        """The description of everything that can be called."""
        return dict(self._send("/hansa/api/openapi.json", None))

    def _send(self, path: str, body: bytes | None) -> Any:
        headers = {"Accept": "application/json", "User-Agent": "hansa"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.password:
            headers["Authorization"] = (
                "Basic " + base64.b64encode(f"{USER}:{self.password}".encode()).decode()
            )
        import http.client
        import urllib.error
        import urllib.request

        if self._opener is None:
            self._opener = _opener(self.url)
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        try:
            with self._opener.open(request, timeout=TIMEOUT) as response:
                return _decoded(response.read(), response.status, self.url + path)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error.code, error.read()) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise Unreachable(
                f"no server answers at {self.url} ({reason}).\n"
                f"  The address comes from {self.url_from}; change it with --server URL or HANSA_SERVER, "
                f"or name the server's folder with --dir or HANSA_DIR."
            ) from None

    def _refusal(self, status: int, body: bytes) -> Refusal:
        try:
            problem = json.loads(body)
            assert isinstance(problem, dict)
        except (ValueError, AssertionError):
            text = body[:500].decode(errors="replace").strip()
            problem = {
                "status": status,
                "title": "Refused",
                "detail": text or f"{self.url} answered with status {status}",
            }
        hint = ""
        if status in (401, 403):
            hint = (
                f"the password came from {self.password_from}"
                if self.password
                else "no password was found"
            )
            hint += (
                f"; give it by {VARIABLE}, --password-file, or name the server's folder with --dir"
            )
        elif status == 404 and (
            "cid" not in problem or str(problem.get("detail")).startswith("nothing is found at")
        ):
            hint = f"is {self.url} a Hansa server with the admin plugin? the address comes from {self.url_from}"
        return Refusal(problem, hint)


def _opener(url: str) -> Any:
    """What opens addresses: no proxy for this machine, and no redirect, since the password goes where it was meant to go."""
    import urllib.request  # here, since it is half of the time in which the command line starts

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments: Any, **options: Any) -> None:
            return None

    handlers: list[Any] = [NoRedirect()]
    if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _decoded(raw: bytes, status: int, url: str) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise Refusal(
            {
                "status": status,
                "title": "Not an answer of Hansa",
                "detail": f"{url} did not answer with JSON",
            }
        ) from None
