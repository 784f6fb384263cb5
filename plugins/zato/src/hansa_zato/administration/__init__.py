"""Zato's admin API: its services under their names, each of which calls the admin services that do
the same.

A family of services is a module in `families`, which declares each of them once. The services, their
envelopes, the WSDL, the table of the reference and the tests are derived from that.
"""
