"""Credentials inside XML messages, found by XPath: the security type `xpath` of Hansa."""
