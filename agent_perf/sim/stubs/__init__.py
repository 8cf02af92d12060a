"""
Stand-ins for client libraries: what tier STUB runs in their place.

They keep data, latencies, queues, pools, work counts and spans, and draw by the same keys
as the services behind the real clients do. What they leave out is the libraries' own code:
parsers, protocol objects, retries. What a stub cannot do raises UsageError.
"""
