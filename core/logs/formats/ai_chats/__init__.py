"""Chats with an AI, and rows that were made for training."""
