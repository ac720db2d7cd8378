"""What is simulated: scenarios, every key with its range, workloads, and the plan of integers that engines run."""
