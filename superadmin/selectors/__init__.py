"""Reads over all accounts, from the public tables only; never by visiting schemas."""
