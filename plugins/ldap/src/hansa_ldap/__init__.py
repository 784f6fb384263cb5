"""The security type `ldap`: user names and passwords that a directory knows."""
