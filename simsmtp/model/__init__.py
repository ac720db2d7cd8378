"""What is simulated: scenarios, workloads, random streams, distributions, responses."""
