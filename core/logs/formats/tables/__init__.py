"""Tables (CSV, TSV): those of known programs, and any other by a look at its columns."""
