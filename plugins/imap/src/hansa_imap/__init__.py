"""Mail for Hansa: receiving by IMAP."""

from .mail import Mail, MailFile

__all__ = ["Mail", "MailFile"]
