"""FTP and FTPS for Hansa."""
