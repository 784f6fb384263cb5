"""Settings of every channel of Hansa: rates, lists of addresses, idempotency keys, limits on
concurrency and waiting, and deadlines.
"""
