"""The command line of Hansa: commands that are clients of the admin API.

`command`, `Client` and `output` are what other plugins build commands with. `hansa` loads these modules at each start, so
what is heavy is imported where it is used.
"""
