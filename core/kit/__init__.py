"""Pure Python used everywhere: money, problems, ids, the clock. No Django models."""
