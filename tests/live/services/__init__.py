"""Services that are found, or started for a run."""
