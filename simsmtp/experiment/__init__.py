"""What an experiment file says: base scenario, factors, design points, figure; all of it checked."""
