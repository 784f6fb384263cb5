"""Files of local and mounted folders for Hansa."""
