"""What rows mean: intervals, tidy summaries, figures. Reads tables only and never runs a scenario."""
