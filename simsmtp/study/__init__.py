"""What is run: experiment files, their design points, the runner and the store of finished replications."""
