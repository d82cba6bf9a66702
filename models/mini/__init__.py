"""How the model that comes with the app is made: corpora, tokenizer, rows, training, publishing."""
