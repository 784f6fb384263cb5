"""Redis for Hansa: outgoing connections, and the embedded Valkey that serves a cluster of one
without any set-up.
"""
