"""The section `limits` that this plugin adds to every channel."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, Model, setting

from .accounts import fault_of_accounts
from .addresses import faults_of_networks
from .rate import faults_of_rates

RATES = ("rate", "rate_per_address", "rate_per_definition", "rate_per_account", "rate_per_caller")
"""The settings that are rates."""


class Limits(Model):
    """What every channel may limit; nothing is limited unless it is set."""

    timeout: Annotated[
        float,
        setting(
            "Seconds after which the caller is answered with 504 while the service goes on; 0 for no limit",
            ge=0,
            le=86_400,
        ),
    ] = 0.0
    max_concurrent: Annotated[
        int,
        setting(
            "Maximum messages that one worker handles at the same time; 0 for no limit",
            ge=0,
            le=100_000,
        ),
    ] = 0
    max_waiting: Annotated[
        int,
        setting(
            "Maximum messages that wait in one worker when max_concurrent are handled; "
            "more are refused (503)",
            ge=0,
            le=100_000,
        ),
    ] = 0
    idempotency: Annotated[
        str,
        setting(
            "Header, or field of the message (a.b for one inside another), that carries an "
            "idempotency key: messages with the same key get the same answer, and the service "
            "runs once; empty for none",
            example="Idempotency-Key",
            max_length=200,
        ),
    ] = ""
    idempotency_window: Annotated[
        float,
        setting(
            "Seconds for which a key and its answer are kept", gt=0, le=366 * 86_400, advanced=True
        ),
    ] = 86_400.0
    idempotency_crash: Annotated[
        Literal["again", "refuse"],
        setting(
            "What the next message with a key gets when the worker that handled the first one was "
            "killed: the service runs again, or the message is refused (409), as it is not known "
            "how far the first one came",
            advanced=True,
        ),
    ] = "again"
    rate: Annotated[
        str | list[str] | None,
        setting(
            "Maximum rate of all callers together, as N/s, N/m, N/h or N/d, or a list of which each "
            "holds; more are refused with 429, and messages of brokers wait",
            example="100/m",
        ),
    ] = None
    rate_per_address: Annotated[
        str | list[str] | None,
        setting("Maximum rate of each address or network, in the same form", example="10/s"),
    ] = None
    rate_per_definition: Annotated[
        str | list[str] | None,
        setting(
            "Maximum rate of all callers that one security definition vouches for, in the same form",
            example="1000/h",
        ),
    ] = None
    rate_per_account: Annotated[
        str | list[str] | None,
        setting(
            "Maximum rate of each account, with all its credentials together, in the same form; "
            "callers without an account count by themselves",
            example="5000/d",
        ),
    ] = None
    rate_per_caller: Annotated[
        str | list[str] | None,
        setting("Maximum rate of each authenticated caller, in the same form", example="5000/d"),
    ] = None
    burst: Annotated[
        int,
        setting(
            "Maximum requests at once, for each of the rates; 0 for as many as the rate has",
            ge=0,
            le=1_000_000,
            advanced=True,
        ),
    ] = 0
    rate_scope: Annotated[
        Literal["cluster", "worker"],
        setting(
            "What counts together: the workers of the cluster, in Redis, or each worker by itself, "
            "which costs no round trip and allows the rate once in each worker",
            advanced=True,
        ),
    ] = "cluster"
    rate_group: Annotated[
        str,
        setting(
            "Name of a group: channels of the same group count the same rate together",
            example="partners",
            max_length=100,
            advanced=True,
        ),
    ] = ""
    rate_headers: Annotated[
        bool,
        setting(
            "Whether each answer has the headers RateLimit and RateLimit-Policy; those with 429 "
            "always have them",
            advanced=True,
        ),
    ] = False
    ipv4_prefix: Annotated[
        int,
        setting(
            "Bits of an IPv4 address that rate_per_address counts by", ge=8, le=32, advanced=True
        ),
    ] = 32
    ipv6_prefix: Annotated[
        int,
        setting(
            "Bits of an IPv6 address that rate_per_address counts by", ge=16, le=128, advanced=True
        ),
    ] = 64
    allow_from: Annotated[
        list[str],
        setting(
            "Addresses and networks that may call; others get 403. Empty for all",
            example=["10.0.0.0/8", "2001:db8::/32"],
        ),
    ] = []
    deny_from: Annotated[
        list[str],
        setting(
            "Addresses and networks that may not call, even if allow_from has them; they get 403",
            example=["192.0.2.7"],
        ),
    ] = []

    def check(self) -> None:
        """Refuse rates and networks that are none, all of them at once."""
        faults: dict[str, str] = {}
        for name in RATES:
            faults[name] = faults_of_rates(getattr(self, name))
        if self.rate_per_account and not faults["rate_per_account"]:
            faults["rate_per_account"] = fault_of_accounts()
        for name in ("allow_from", "deny_from"):
            faults[name] = faults_of_networks(getattr(self, name))
        found = {name: fault for name, fault in faults.items() if fault}
        if found:
            raise Invalid(found)
