"""
Past one machine: commits are measured by the workers of a Dask cluster.

Only this room knows ``distributed``, and imports it when a cluster is opened.
"""

from agent_perf.fleet.address import ClusterAddress, parse_cluster
from agent_perf.fleet.cluster import Cluster, open_cluster

__all__ = ["Cluster", "ClusterAddress", "open_cluster", "parse_cluster"]
