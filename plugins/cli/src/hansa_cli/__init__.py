"""The commands of the command line that are clients of the admin API; imports here are light, `hansa` loads them at each start."""
