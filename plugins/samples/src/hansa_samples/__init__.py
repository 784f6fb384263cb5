"""Samples of the requests that services handle: one in so many, the slow ones, and the errors."""
