"""Messengers whose export one file reads."""
