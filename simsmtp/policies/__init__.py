"""What a receiving MTA decides: recipient limits, error limits, acceptance. Pure, in the decision language."""
