"""The configuration file: what it may say, and what is wrong with one that says something else."""
