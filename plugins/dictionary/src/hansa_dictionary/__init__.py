"""Data dictionaries of Hansa: which values systems know, and what a value of one is in another."""

from .lookup import Dictionaries, Translate

__all__ = ["Dictionaries", "Translate"]
