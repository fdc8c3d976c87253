"""What happens every night without a person: when a run begins, and who is told how it ended."""
