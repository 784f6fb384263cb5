"""A cluster on several hosts, which are network namespaces of this machine, as `docs/operations.md`
says how to make one.
"""
