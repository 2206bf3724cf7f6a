"""Changing many people at once: imports from a file, exports, and what is done to a selection."""
