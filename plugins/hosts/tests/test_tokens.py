"""Tokens: good once, until they expire, for what they were made, and kept so that they cannot be
read.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hansa_hosts.tokens import LONGEST, Permission, Token, keep, new_secret, permission_of, redeem
from hansa_quickstart.failure import Failure


def permission(**settings: object) -> Permission:
    """A permission for a server, good for a minute."""
    given = {"role": "server", "name": "", "hosts": (), "expires": time.time() + 60, **settings}
    return Permission(**given)  # type: ignore[arg-type]  # a test names what it is about


def test_the_text_says_what_it_was_made_of():
    token = Token("10.0.0.1:8185", "ab" * 32, "server", new_secret())
    assert Token.read(f" {token}\n") == token


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hansa1.",
        "hansa1.%%%",
        "hansa1.WzFd",
        "hansa1.bnVsbA",
        "hansa2.WyIxIiwiMiIsIjMiLCI0Il0",
        "hansa1." + "W" * LONGEST,
        "hansa1.é",
    ],
)
def test_what_is_no_token_is_refused(text: str):
    with pytest.raises(Failure, match="TOKEN"):
        Token.read(text)


def test_it_is_good_once(tmp_path: Path):
    secret = new_secret()
    keep(tmp_path, secret, permission(hosts=("lb.example",)))
    assert permission_of(tmp_path, secret).hosts == ("lb.example",)
    assert redeem(tmp_path, secret).role == "server"
    with pytest.raises(Failure, match="used already"):
        redeem(tmp_path, secret)


def test_of_many_at_the_same_moment_one_succeeds(tmp_path: Path):
    secret = new_secret()
    keep(tmp_path, secret, permission())
    barrier = threading.Barrier(8)
    found: list[str] = []

    def use() -> None:
        barrier.wait()
        try:
            found.append(redeem(tmp_path, secret).role)
        except Failure:
            found.append("refused")
        except BaseException as error:
            found.append(repr(error))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["refused"] * 7 + ["server"]


def test_it_expires_and_is_forgotten(tmp_path: Path):
    old, new = new_secret(), new_secret()
    keep(tmp_path, old, permission(expires=time.time() - 1))
    with pytest.raises(Failure, match="expired"):
        redeem(tmp_path, old)
    keep(tmp_path, new, permission())
    assert len(list((tmp_path / "tokens").iterdir())) == 1


def test_what_is_kept_does_not_reveal_it(tmp_path: Path):
    secret = new_secret()
    keep(tmp_path, secret, permission())
    (file,) = (tmp_path / "tokens").iterdir()
    assert secret not in file.name + file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    for other in ("", file.stem, secret[:-1], secret + "x", "\udc80"):
        with pytest.raises(Failure):
            redeem(tmp_path, other)
    assert redeem(tmp_path, secret)
