"""What peers said in simulated sessions: transcripts, NDRs as messages, and packet captures."""
