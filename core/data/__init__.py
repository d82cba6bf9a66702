"""From messages to instruction data: sessions, rows and the ledger. `prepare.prepare` is the way in."""
