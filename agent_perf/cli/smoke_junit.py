"""
The checks of a smoke test as JUnit XML, which CIs show.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement

from agent_perf.cli.output import plain
from agent_perf.errors import StoreError
from agent_perf.live.smoke import CheckOutcome, SmokeResult


def write_junit(path: Path, result: SmokeResult) -> None:
    """
    Write *result* to *path*, one test case for each check.

    Raises:
        StoreError: If the file cannot be written.
    """
    checks = result.checks
    bad = [one for one in checks if one.outcome is CheckOutcome.FAILED]
    gone = [one for one in checks if one.outcome is CheckOutcome.UNREACHABLE]
    skipped = [one for one in checks if one.outcome is CheckOutcome.SKIPPED]
    counts = {"tests": checks, "failures": bad, "errors": gone, "skipped": skipped}
    texts = {key: str(len(ones)) for key, ones in counts.items()}
    seconds = sum(one.latency_s or 0.0 for one in checks)
    suite = Element("testsuite", {"name": "agent-perf smoke", "time": f"{seconds:.6f}", **texts})
    for check in checks:
        case = SubElement(
            suite,
            "testcase",
            {
                "classname": plain(result.url),
                "name": plain(check.name),
                "time": f"{check.latency_s or 0.0:.6f}",
            },
        )
        if check.outcome is not CheckOutcome.PASSED:
            kind = {CheckOutcome.FAILED: "failure", CheckOutcome.UNREACHABLE: "error"}
            tag = kind.get(check.outcome, "skipped")
            # Control characters cannot stand in XML; what a service says is printed visibly.
            SubElement(case, tag, {"message": plain(f"{check.request} {check.detail}".strip())})
    try:
        ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
