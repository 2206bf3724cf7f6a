"""Sealed secrets. Nothing else in the product seals or opens one."""
