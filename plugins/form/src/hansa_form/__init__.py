"""Forms for Hansa: the format `form`."""

from .file import FormFile

__all__ = ["FormFile"]
