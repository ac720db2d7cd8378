"""What is known without simulation: bounds on the arrival rate, and closed forms where they hold."""
