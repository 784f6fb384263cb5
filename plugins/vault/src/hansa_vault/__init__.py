"""Secrets of HashiCorp Vault and OpenBao: `{"$vault": "path#field"}` in place of a setting."""
