"""Training: settings, rows to batches, the process that trains, and the jobs that it runs for."""
