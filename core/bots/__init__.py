"""Personas in messengers: what all bots have in common, and LINE."""
