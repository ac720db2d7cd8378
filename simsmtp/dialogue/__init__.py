"""What peers said in a session: transcripts, ladders, NDRs as messages, packet captures written and read."""
