"""Talking: conversations as they were, and replies as they come."""
