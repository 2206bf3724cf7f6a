"""The member list, acts on a selection, imports and exports, for both products."""
