"""The resource `keys`."""
