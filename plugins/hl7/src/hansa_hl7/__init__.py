"""HL7 version 2 for Hansa."""

from .acknowledgement import Acknowledgement
from .refusals import Refusal

__all__ = ["Acknowledgement", "Refusal"]
