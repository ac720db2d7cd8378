"""What an experiment file says: base scenario, factors, design points, figure. All of it is checked here."""
