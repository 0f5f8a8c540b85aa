"""What is measured, beside a hand-written floor for the same work: `python -m benchmarks` (`make bench`) prints a table."""
