"""The declaration of settings, and everything that is derived from it."""
