"""What a text is in tokens: counted, compared between tokenizers, measured, trained on, and seen as a batch."""
