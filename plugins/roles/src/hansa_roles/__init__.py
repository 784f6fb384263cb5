"""Roles and accounts: who may call which services, channels and admin services."""
