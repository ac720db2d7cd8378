"""What a run hands out: responses, and rows of recipients and dialogue, in memory that does not grow with them."""
