"""A model endpoint over real sockets."""
