"""Dialogue as people write it: `Name: text`, plays, IRC."""
