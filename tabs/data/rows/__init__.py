"""The rows that a log becomes: the recipe, the rows one by one, edits, variants, downloads."""
