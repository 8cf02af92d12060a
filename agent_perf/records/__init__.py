"""The values that cross the floors: frozen, checked, free of behaviour."""

from agent_perf.records.acceptance import Acknowledged, Waiver
from agent_perf.records.advice import Advice
from agent_perf.records.calibration import TABLES_FILE, CalibratedTable, CalibratedTables
from agent_perf.records.capacity import QUANTILES, Capacity, Probe, Promise
from agent_perf.records.cassette import Cassette, Chunk, Recording
from agent_perf.records.command import COMMAND_METRICS, CommandRun, CommandSpec, Execution
from agent_perf.records.duet import DuetRun, RoundConditions
from agent_perf.records.history import Change, Event, Findings, Forecast, Trend
from agent_perf.records.incidents import CheckResult, FaultWindow, StateChange
from agent_perf.records.instructions import InstructionCount, InstructionRun
from agent_perf.records.judgement import (
    WORST_FIRST,
    Breach,
    Cause,
    Comparison,
    Confirmation,
    CutOff,
    Decision,
    Outcome,
    Step,
    SuiteJudgement,
    SuiteShift,
    Verdict,
)
from agent_perf.records.levels import LevelTotal
from agent_perf.records.live_load import LiveLoad
from agent_perf.records.load_run import LoadRun
from agent_perf.records.load_verdict import (
    AlertWindow,
    Bottleneck,
    LoadDecision,
    TargetResult,
)
from agent_perf.records.machine import Machine, MachineNoise, MetricNoise, RoundsNeeded
from agent_perf.records.measurement import (
    Environment,
    Evidence,
    Exemplar,
    Failure,
    Metric,
    OperationTotal,
    Run,
    Span,
    Tier,
    benchmark_name,
)
from agent_perf.records.patterns import matches
from agent_perf.records.resources import ResourceRun, ResourceSeries
from agent_perf.records.series import Point, Series, Shift
from agent_perf.records.session import Session, SessionRun
from agent_perf.records.timeline import Bucket, LatencySummary, Timeline
from agent_perf.records.timing import Subject, Timing, TimingFile, metric_unit
from agent_perf.records.waiving import Covered, Lapse, WaiverState, WaiverUse

__all__ = [
    "COMMAND_METRICS",
    "QUANTILES",
    "TABLES_FILE",
    "WORST_FIRST",
    "Acknowledged",
    "Advice",
    "AlertWindow",
    "Bottleneck",
    "Breach",
    "Bucket",
    "CalibratedTable",
    "CalibratedTables",
    "Capacity",
    "Cassette",
    "Cause",
    "Change",
    "CheckResult",
    "Chunk",
    "CommandRun",
    "CommandSpec",
    "Comparison",
    "Confirmation",
    "Covered",
    "CutOff",
    "Decision",
    "DuetRun",
    "Environment",
    "Event",
    "Evidence",
    "Execution",
    "Exemplar",
    "Failure",
    "FaultWindow",
    "Findings",
    "Forecast",
    "InstructionCount",
    "InstructionRun",
    "Lapse",
    "LatencySummary",
    "LevelTotal",
    "LiveLoad",
    "LoadDecision",
    "LoadRun",
    "Machine",
    "MachineNoise",
    "Metric",
    "MetricNoise",
    "OperationTotal",
    "Outcome",
    "Point",
    "Probe",
    "Promise",
    "Recording",
    "ResourceRun",
    "ResourceSeries",
    "RoundConditions",
    "RoundsNeeded",
    "Run",
    "Series",
    "Session",
    "SessionRun",
    "Shift",
    "Span",
    "StateChange",
    "Step",
    "Subject",
    "SuiteJudgement",
    "SuiteShift",
    "TargetResult",
    "Tier",
    "Timeline",
    "Timing",
    "TimingFile",
    "Trend",
    "Verdict",
    "Waiver",
    "WaiverState",
    "WaiverUse",
    "benchmark_name",
    "matches",
    "metric_unit",
]
