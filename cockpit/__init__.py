"""Composition root: settings, URLs, processes. Imports everything, imported by nothing."""
