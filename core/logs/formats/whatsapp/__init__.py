"""WhatsApp: the text that a phone exports."""
