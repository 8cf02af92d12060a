"""Real servers for tests: where they are, private ones to be stopped, and a proxy that breaks."""
