"""Where databases differ, and nowhere else."""
