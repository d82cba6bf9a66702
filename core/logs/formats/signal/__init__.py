"""Signal: sigtop, signal-cli and the text of a phone."""
