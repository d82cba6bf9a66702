"""The file that is open on the Data tab: what was read in it, what was guessed, who speaks."""
