"""HTTP for Hansa: channels served by falcon on waitress, outgoing connections over httpx2."""

from .upload import UploadedFile

__all__ = ["UploadedFile"]
