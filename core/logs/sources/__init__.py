"""Files that are streamed instead of parsed whole: JSON, and archives of many files."""
