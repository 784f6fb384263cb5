"""Security definitions that most installations need: HTTP Basic, API keys, tokens."""
