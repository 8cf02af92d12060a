"""Numbers of a running backend: counted, kept in bounded memory, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.components.door import open_door

if TYPE_CHECKING:
    from agent_perf.components.metrics.agents import (
        AgentFigures,
        AgentMetrics,
    )
    from agent_perf.components.metrics.app import (
        metrics_app,
    )
    from agent_perf.components.metrics.exposition import (
        OPENMETRICS_TYPE,
        PROMETHEUS_TYPE,
        openmetrics_text,
        prometheus_text,
    )
    from agent_perf.components.metrics.families import (
        Family,
        Series,
    )
    from agent_perf.components.metrics.histogram import (
        LATENCY_BOUNDS_S,
        Histogram,
        HistogramSnapshot,
    )
    from agent_perf.components.metrics.history import (
        SuccessHistory,
        SuccessSlot,
    )
    from agent_perf.components.metrics.instruments import (
        Counter,
        Gauge,
        Labelled,
    )
    from agent_perf.components.metrics.logs import (
        JsonFormatter,
        log_fields,
    )
    from agent_perf.components.metrics.meters import (
        MeterExport,
    )
    from agent_perf.components.metrics.registry import (
        Metrics,
    )
    from agent_perf.components.metrics.tracing import (
        OpenSpan,
        Tracing,
    )

__all__ = [
    "LATENCY_BOUNDS_S",
    "OPENMETRICS_TYPE",
    "PROMETHEUS_TYPE",
    "AgentFigures",
    "AgentMetrics",
    "Counter",
    "Family",
    "Gauge",
    "Histogram",
    "HistogramSnapshot",
    "JsonFormatter",
    "Labelled",
    "MeterExport",
    "Metrics",
    "OpenSpan",
    "Series",
    "SuccessHistory",
    "SuccessSlot",
    "Tracing",
    "log_fields",
    "metrics_app",
    "openmetrics_text",
    "prometheus_text",
]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "agents": (
            "AgentFigures",
            "AgentMetrics",
        ),
        "app": ("metrics_app",),
        "exposition": (
            "OPENMETRICS_TYPE",
            "PROMETHEUS_TYPE",
            "openmetrics_text",
            "prometheus_text",
        ),
        "families": (
            "Family",
            "Series",
        ),
        "histogram": (
            "LATENCY_BOUNDS_S",
            "Histogram",
            "HistogramSnapshot",
        ),
        "history": (
            "SuccessHistory",
            "SuccessSlot",
        ),
        "instruments": (
            "Counter",
            "Gauge",
            "Labelled",
        ),
        "logs": (
            "JsonFormatter",
            "log_fields",
        ),
        "meters": ("MeterExport",),
        "registry": ("Metrics",),
        "tracing": (
            "OpenSpan",
            "Tracing",
        ),
    },
)
