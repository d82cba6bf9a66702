"""Discord: DiscordChatExporter's JSON and text, and the package Discord sends itself."""
