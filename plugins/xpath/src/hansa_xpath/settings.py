"""The settings of the security type `xpath`."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, Secret, setting
from hansa_security.credential import fault_of

from .location import fault_of_path, faults_of_namespaces


class XPathSettings(Model):
    """XPath.

    What a definition holds: user and password, and where in a message these are.
    """

    username: Annotated[
        str, setting("User name of callers", min_length=1, max_length=256, example="partner")
    ]
    password: Annotated[Secret, setting("Password of callers; stored as an argon2id hash")]
    username_expr: Annotated[
        str,
        setting(
            "Location path (XPath 1.0) of the user name in messages",
            min_length=1,
            example="/order/login/@user",
        ),
    ]
    password_expr: Annotated[
        str,
        setting(
            "Location path (XPath 1.0) of the password in messages",
            min_length=1,
            example="//auth:password",
        ),
    ]
    namespaces: Annotated[
        dict[str, str],
        setting("Namespaces by the prefixes that the two paths use", max_length=50),
    ] = {}

    def check(self) -> None:
        """Refuse paths that cannot be used, and credentials that no message can hold."""
        faults = faults_of_namespaces(self.namespaces)
        if not self.username.isprintable():
            faults["username"] = "must not contain control characters"
        fault = fault_of(self.password)
        if fault:
            faults["password"] = fault
        for name in ("username_expr", "password_expr"):
            fault = fault_of_path(getattr(self, name), self.namespaces)
            if fault:
                faults[name] = fault
        if faults:
            raise Invalid(faults)
