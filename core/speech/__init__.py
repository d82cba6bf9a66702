"""Words read aloud by an engine beside the app; what a browser reads with its own voices never comes here."""
