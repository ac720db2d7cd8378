"""What two SMTP peers say: replies, commands and groups, session states, the ledger, wire text. Pure."""
