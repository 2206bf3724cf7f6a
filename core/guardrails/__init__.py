"""Preset checks on what goes to an LLM and what comes back: presets, engine, bindings, verdicts."""
