"""Files of enmasse: read, turned into definitions by `hansa_zato.mapping`, planned, applied, and written."""
