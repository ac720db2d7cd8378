"""What CI reads of a comparison: annotations, a job summary, a comment, a badge, JUnit, benchmark formats."""
