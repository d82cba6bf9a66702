"""Dialogues of a persona with simulated people, judged and made into rows: training data where there is no log."""
