"""Data sets: saved ones, those from elsewhere, mixtures, and what was corrected in talks."""
