"""Mail for Hansa: sending by SMTP."""

from .message import Attachment
from .refusals import MailRefused

__all__ = ["Attachment", "MailRefused"]
