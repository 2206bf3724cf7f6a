"""Engines: product-neutral, imported by everything above and importing none of it."""
