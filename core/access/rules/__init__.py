"""The rules of access: pure functions over plain values. docs/access.md prints them in words."""
