"""Settings of every channel of Hansa: idempotency keys, limits on concurrency and waiting, and
deadlines.
"""
