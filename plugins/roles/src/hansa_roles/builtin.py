"""The roles that every cluster has: viewer, operator, developer and admin."""

from __future__ import annotations

from hansa import PlainSettings

LOGIN = "admin-accounts"
"""The security definition before the admin API."""
PASSWORD_LOGIN = "admin-login"
"""That before the service by which people log in to it."""
LOG_IN = "admin.login"
"""The service by which people log in, and its channel."""

ROLES: dict[str, PlainSettings] = {
    "viewer": {"rights": ["view"]},
    "operator": {"parents": ["viewer"], "rights": ["payloads", "operate"]},
    "developer": {
        "parents": ["operator"],
        "rights": ["develop", "deploy", "invoke"],
        "services": ["*"],
        "channels": ["*"],
    },
    "admin": {"parents": ["developer"], "rights": ["administer"]},
}
"""Their settings: each has what the one before it has, and more."""
