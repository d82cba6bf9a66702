"""Chat logs: an export file in, a Log of messages out. One module a format; `detect.read_log` is the way in."""
