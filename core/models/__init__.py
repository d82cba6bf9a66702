"""Models: the one that comes with the app, loading any other, and adapters on disk."""
