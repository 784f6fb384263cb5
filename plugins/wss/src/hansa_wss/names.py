"""The names of WS-Security: SOAP Message Security 1.1.1 (SMS) and UsernameToken Profile 1.1.1
(UTP), whose namespaces are those of version 1.0.
"""

from __future__ import annotations

_BASE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{_BASE}wssecurity-secext-1.0.xsd"
"""The namespace of security headers, tokens and fault codes."""
WSU = f"{_BASE}wssecurity-utility-1.0.xsd"
"""The namespace of times and ids."""

SECURITY = f"{{{WSSE}}}Security"
USERNAME_TOKEN = f"{{{WSSE}}}UsernameToken"
USERNAME = f"{{{WSSE}}}Username"
PASSWORD = f"{{{WSSE}}}Password"
NONCE = f"{{{WSSE}}}Nonce"
TIMESTAMP = f"{{{WSU}}}Timestamp"
CREATED = f"{{{WSU}}}Created"
EXPIRES = f"{{{WSU}}}Expires"

PASSWORD_TEXT = f"{_BASE}username-token-profile-1.0#PasswordText"
PASSWORD_DIGEST = f"{_BASE}username-token-profile-1.0#PasswordDigest"
BASE64 = f"{_BASE}soap-message-security-1.0#Base64Binary"
