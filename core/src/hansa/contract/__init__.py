"""What the author of a plugin reads and receives: the kinds, services, messages, hooks, and the
server that plugins see.
"""
