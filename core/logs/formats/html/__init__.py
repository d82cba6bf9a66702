"""Pages (HTML) that messengers and exporters offer first: Telegram, DiscordChatExporter, Messenger and Instagram."""
