"""What stands between a request and Gradio: who is let in, how often, and what every answer carries."""
