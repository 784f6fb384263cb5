"""OAuth 2.0 for outgoing calls, and OAuth 1.0 both ways: the security types `oauth2` and `oauth1`."""
