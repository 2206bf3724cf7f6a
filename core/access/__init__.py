"""May this person do that, and may this node use that? First form: codenames and LLMs."""
