"""The names of XML Signature (W3C Recommendation, 1.1) and of the X.509 Certificate Token Profile
1.1.1 of WS-Security.
"""

from __future__ import annotations

from hansa_wss.names import WSSE, WSU

DS = "http://www.w3.org/2000/09/xmldsig#"
"""The namespace of signatures."""
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
"""Exclusive canonicalization, without comments: its algorithm, and its namespace."""

SIGNATURE = f"{{{DS}}}Signature"
SIGNED_INFO = f"{{{DS}}}SignedInfo"
SIGNATURE_VALUE = f"{{{DS}}}SignatureValue"
KEY_INFO = f"{{{DS}}}KeyInfo"
CANONICALIZATION_METHOD = f"{{{DS}}}CanonicalizationMethod"
SIGNATURE_METHOD = f"{{{DS}}}SignatureMethod"
REFERENCE = f"{{{DS}}}Reference"
TRANSFORMS = f"{{{DS}}}Transforms"
TRANSFORM = f"{{{DS}}}Transform"
DIGEST_METHOD = f"{{{DS}}}DigestMethod"
DIGEST_VALUE = f"{{{DS}}}DigestValue"
X509_CERTIFICATE = f"{{{DS}}}X509Certificate"
INCLUSIVE_NAMESPACES = f"{{{EXC_C14N}}}InclusiveNamespaces"

BINARY_TOKEN = f"{{{WSSE}}}BinarySecurityToken"
TOKEN_REFERENCE = f"{{{WSSE}}}SecurityTokenReference"
DIRECT_REFERENCE = f"{{{WSSE}}}Reference"
WSU_ID = f"{{{WSU}}}Id"
X509_V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
ID_NAMES = ("Id", "ID", "id")
"""The attributes, in any namespace, that anybody may take for the ID of an element."""
