"""Definitions from the edit that changes them to the row that stores them, one way for all."""
