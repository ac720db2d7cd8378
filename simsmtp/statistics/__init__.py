"""What rows mean: intervals, differences, precision, sensitivity, objectives. Values in, statements out."""
