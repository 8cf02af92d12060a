"""Our components beside other libraries: see ``python -m tools.peers --help``."""
