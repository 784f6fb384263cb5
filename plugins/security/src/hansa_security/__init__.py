"""Security definitions that most installations need: HTTP Basic, API keys and bearer tokens."""
