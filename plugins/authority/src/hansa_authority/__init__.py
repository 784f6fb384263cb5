"""A certificate authority for development: certificates for the components of a cluster.

`authority` creates one in a folder and has it sign; `description` writes what a folder holds.
"""
