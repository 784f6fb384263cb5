"""Object stores: S3 and OpenStack Swift, and the notifications of Swift."""

from __future__ import annotations

import re
from typing import Final

from .mapping import Base, Mapping
from .parts import Choice, Custom, Field, Reading, Unused, Writing
from .references import SERVICE, SIGNATURE
from .values import BOOLEAN, INTEGER, LINES, NUMBER, TABLE, Unfit

_OF_AMAZON: Final = re.compile(r"https?://s3(?:[.-]([a-z0-9-]+))?\.amazonaws\.com/?\Z")


def _read_s3_address(reading: Reading) -> None:
    """Read the address; those of Amazon say the region, and are not set here."""
    address = str(reading.first(("address",)) or "").strip()
    if address and "://" not in address:
        address = f"https://{address}"
    found = _OF_AMAZON.match(address)
    if found is None:
        if address:
            reading.settings["address"] = address
        return
    if found[1] and found[1] != "external-1":
        reading.settings["region"] = found[1]


def _write_s3_address(writing: Writing) -> None:
    address = writing.settings.get("address")
    region = writing.settings.get("region")
    if address:
        writing.put("address", address)
        if region:
            writing.lost("region", "Zato has no region beside an address")
    else:
        host = f"s3-{region}" if region else "s3"
        writing.put("address", f"https://{host}.amazonaws.com/")


S3: Final = Mapping(
    "cloud_aws_s3",
    "outgoing",
    "s3",
    (
        Custom(("address",), ("address", "region"), _read_s3_address, _write_s3_address),
        Field("bucket", "bucket", default=""),
        Field("content_type", "content_type", default="application/octet-stream"),
        Choice(
            "storage_class",
            ("storage_class",),
            {
                "": (None,),
                "STANDARD": ("STANDARD",),
                "REDUCED_REDUNDANCY": ("REDUCED_REDUNDANCY",),
                "GLACIER": ("GLACIER",),
            },
        ),
        Choice(
            "encrypt_at_rest",
            ("encryption",),
            {"True": ("AES256",), "False": (None,)},
            "False",
        ),
        Field("metadata_", "metadata", TABLE, also=("metadata",)),
        Field("pool_size", "max_connections", INTEGER, default=10),
        SIGNATURE,
    ),
    quiet=frozenset({"debug_level", "suppr_cons_slashes", "pool_size"}),
)

_SWIFT: Final = (
    Choice(
        "auth_version",
        ("auth_type",),
        {"1": ("v1password",), "3": (None,), "2": (None,)},
        "1",
    ),
    Field("auth_url", "auth_url", required=True),
    Field("user", "username", also=("username",)),
    Field("key", "password", also=("password",), secret=True),
    Field("tenant_name", "project", default=""),
    Field("retries", "retries", INTEGER, default=2),
)
_SWIFT_QUIET: Final = frozenset(
    {"is_snet", "starting_backoff", "max_backoff", "should_retr_ratelimit", "needs_tls_compr"}
)


def _check_certificates(reading: Reading) -> None:
    """Say that certificates are verified, if Zato did not."""
    validates = reading.item.get("should_validate_cert")
    try:
        unchecked = validates is not None and BOOLEAN.read(validates) is False
    except Unfit as unfit:
        reading.fault("should_validate_cert", str(unfit))
        return
    if unchecked:
        reading.differs("should_validate_cert", "certificates are verified here", "tls_ca")


_SWIFT_TLS: Final = (
    Custom(("should_validate_cert",), (), _check_certificates, lambda writing: None),
    Unused("cacert", "is a security definition of type tls_ca here", "tls_ca"),
    Unused("custom_options", "swiftclient's own options are not passed on"),
)

SWIFT: Final = Mapping(
    "def_cloud_openstack_swift",
    "outgoing",
    "swift",
    (*_SWIFT, Field("pool_size", "max_connections", INTEGER, default=10), *_SWIFT_TLS),
    quiet=_SWIFT_QUIET,
)


def _read_pattern(reading: Reading) -> None:
    """Read which objects are taken: by a pattern, or all but those of it."""
    pattern = reading.item.get("name_pattern")
    if pattern in (None, "", "*"):
        return
    negated = str(reading.item.get("name_pattern_neg")).lower() in ("true", "1", "yes", "on")
    reading.settings["ignore" if negated else "pattern"] = [str(pattern)]


def _write_pattern(writing: Writing) -> None:
    for setting, negated in (("pattern", False), ("ignore", True)):
        patterns = writing.settings.get(setting) or []
        if len(patterns) > 1 or (patterns and "name_pattern" in writing.item):
            writing.lost(setting, "Zato takes one pattern")
        elif patterns:
            writing.put("name_pattern", patterns[0])
            writing.put("name_pattern_neg", negated)


NOTIFY_SWIFT: Final = Mapping(
    "notif_cloud_openstack_swift",
    "channel",
    "swift",
    (
        SERVICE,
        Field("containers", "containers", LINES, required=True),
        Field("interval", "interval", NUMBER, default=5),
        Custom(
            ("name_pattern", "name_pattern_neg"),
            ("pattern", "ignore"),
            _read_pattern,
            _write_pattern,
        ),
        Choice("get_data", ("deliver",), {"True": (None,), "False": ("name",)}, "False"),
        Unused(
            "get_data_patt",
            "a channel fetches the data of all objects, or of none",
            "a second channel",
            quiet=(None, "", "*"),
        ),
    ),
    base=Base("def_cloud_openstack_swift", ("def_name", "def"), (*_SWIFT, *_SWIFT_TLS)),
    quiet=_SWIFT_QUIET | {"pool_size", "get_data_patt_neg"},
    note="an object is handled once, and remembered",
    exported=False,
)

CLOUD: Final = (S3, SWIFT, NOTIFY_SWIFT)
