"""Codes of messages between servers; here, SERVICE.PUBLISH alone has a meaning."""

from __future__ import annotations

from hansa_zato.dialect.broker import MESSAGE_TYPE, SERVICE, Code

__all__ = ["MESSAGE_TYPE", "SERVICE", "Code"]
