"""Odoo for Hansa."""

from .faults import OdooFault

__all__ = ["OdooFault"]
