"""Signed SOAP (WS-Security with X.509 certificates): the security type `x509` of Hansa."""
