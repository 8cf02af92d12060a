"""Takes events from a Redis stream and delivers them to a webhook, in batches."""
