"""The demo provider: answers offline like a real one, and says that it is a demo."""
