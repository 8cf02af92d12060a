"""The dashboard of Grafana, and how it is made."""
