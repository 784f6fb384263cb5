"""What a security type must hold: inherit `SecurityContract`, name the class and good settings, and
say who may come in.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from hansa import OutgoingRequest, Refused, Request

from .constant_time import faults
from .contract import Contract

_numbers = itertools.count(1)


class SecurityContract(Contract):
    """The whole suite for a security type.

    An author gives `cls`, `good`, the headers of a request with `right` credentials, several with
    `wrong` ones, and, if the type also signs outgoing calls, `signing`: the settings that make it
    do so. `request` may be overridden for what is in no header.
    """

    right: ClassVar[Mapping[str, str]] = {}
    wrong: ClassVar[Sequence[Mapping[str, str]]] = ()
    signing: ClassVar[Mapping[str, Any] | None] = None

    def request(self, headers: Mapping[str, str]) -> Request:
        """A request with these headers, from an address of its own, so that no earlier failure
        counts.
        """
        number = next(_numbers)
        return Request(
            headers=dict(headers),
            peer=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        )

    def exercise(self, thing: Any) -> None:
        """Let somebody in and turn somebody away."""
        for headers in (self.right, {}, *self.wrong):
            with suppress(Refused):
                thing.authenticate(self.request(headers))

    def secrets(self) -> list[str]:
        """The secrets of the settings, and what callers present."""
        presented = [value for headers in (self.right, *self.wrong) for value in headers.values()]
        words = [word for value in presented for word in (value, value.rpartition(" ")[2])]
        return super().secrets() + [word for word in words if len(word) >= 8]

    def test_right_credentials_are_accepted(self) -> None:
        """The right credentials give a principal, each time."""
        assert self.right, f"{type(self).__name__} must give right = {{header: value}}"
        with self.running() as security:
            for _ in range(3):
                assert security.authenticate(self.request(self.right)), (
                    "a principal must not be empty"
                )

    def test_wrong_credentials_are_refused(self) -> None:
        """Wrong ones raise `Refused`, before and after somebody came in with the right ones."""
        assert self.wrong, f"{type(self).__name__} must give wrong = [{{header: value}}, ...]"
        with self.running() as security:
            for headers in self.wrong:
                self._refusal(security, headers)
            security.authenticate(self.request(self.right))
            for headers in self.wrong:
                self._refusal(security, headers)

    def test_missing_credentials_are_refused(self) -> None:
        """Without credentials, with a part of them, or with empty ones nobody comes in."""
        with self.running() as security:
            self._refusal(security, {})
            for name in self.right:
                self._refusal(
                    security, {key: value for key, value in self.right.items() if key != name}
                )
                self._refusal(security, {**self.right, name: ""})

    def test_malformed_credentials_are_refused(self) -> None:
        """Cut, doubled, overlong and undecodable headers raise `Refused`, and nothing else."""
        with self.running() as security:
            for name, value in self.right.items():
                for bad in _malformed(value):
                    self._refusal(security, {**self.right, name: bad})

    def test_refusals_tell_no_secret(self) -> None:
        """What a refused caller is told has no secret in it."""
        with self.running() as security:
            for headers in ({}, *self.wrong):
                try:
                    security.authenticate(self.request(headers))
                except Refused as refused:
                    told = f"{refused.detail} {refused.headers}"
                    assert not any(secret in told for secret in self.secrets()), (
                        f"a refusal tells a secret: {told[:40]}..."
                    )

    def test_compares_in_constant_time(self) -> None:
        """No secret is compared by `==`, whose time tells how much of a guess is right; the source
        is read for it.
        """
        found = faults(self.cls)
        assert not found, "\n".join(found)

    def test_signed_calls_are_accepted(self) -> None:
        """What it signs, it accepts."""
        if self.signing is None:
            pytest.skip("signing is None: the type signs no outgoing calls")
        with self.running(**self.signing) as security:
            signed = OutgoingRequest(method="POST", url="http://127.0.0.1/", headers={})
            security.sign_request(signed)
            assert signed.headers, "sign_request() added nothing to the headers"
            lower = {name.lower(): value for name, value in signed.headers.items()}
            assert security.authenticate(self.request(lower)), (
                "a call that it signed is not accepted"
            )

    def _refusal(self, security: Any, headers: Mapping[str, str]) -> Refused:
        """The refusal of a request; fails if it comes in or if something else is raised."""
        shown = {name: value[:30] for name, value in headers.items()}
        try:
            security.authenticate(self.request(headers))
        except Refused as refused:
            return refused
        except Exception as error:
            logging.getLogger(__name__).debug("not a refusal", exc_info=error)
            pytest.fail(f"{shown} raised {type(error).__name__} instead of Refused")
        pytest.fail(f"{shown} was let in")


def _malformed(value: str) -> list[str]:
    """Damaged forms of a header, none of which may be taken for the right one."""
    forms = [
        value[:-1],
        value[1:],
        value + value,
        value[::-1],
        "\x00" + value,
        value + "\x00",
        "\udcff" + value,
        value + "é",
        " ",
        ":",
        "=",
        "Basic",
        "Basic ",
        "Basic ====",
        "Basic w6k=\udc80",
        "Bearer ",
        "x" * 100_000,
        value * 2_000,
    ]
    return [form for form in forms if form != value]
