"""SFTP for Hansa."""
