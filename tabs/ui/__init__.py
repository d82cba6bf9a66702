"""The frame of the page: what all tabs share. It knows no tab."""
