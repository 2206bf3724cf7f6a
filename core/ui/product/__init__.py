"""The pages of one product. Copilot and Console have the same ones, each over its own tables."""
