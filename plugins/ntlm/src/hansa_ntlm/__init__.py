"""NTLM for outgoing calls: the security type `ntlm` of Hansa."""
