"""Payloads and answers as JSON, where no format writes them."""

from __future__ import annotations

from hansa_json.writing import JsonWriter

write_json = JsonWriter(secret=str.__str__, unknown=str)
"""Writes plain data as JSON, what JSON does not know as text; NaN and infinities are refused, by their
place.
"""
