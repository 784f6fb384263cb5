"""The command line of Hansa: commands that are clients of the admin API.

Other plugins build commands with `connection.command`, `client.Client` and `output`. `hansa` loads
these modules at each start, so what is heavy is imported where it is used.
"""
