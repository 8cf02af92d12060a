"""What every pytest of a project pays that has the package installed."""

from __future__ import annotations

import subprocess
import sys

_HEAVY = (
    *("asv", "fakeredis", "httpx", "jinja2", "msgspec", "numpy", "psutil", "redis", "respx"),
    *("rich", "sqlalchemy", "agent_perf.report", "agent_perf.sim", "agent_perf.suite"),
)


def test_the_plugin_imports_nothing_heavy() -> None:
    """Where no test asks for `world`, pytest loads the plugin, its options and nothing behind."""
    code = (
        "import sys, pytest\n"
        "pytest.main(['--collect-only', '-q', '-p', 'agent_perf.pytest_plugin', '-p',"
        " 'no:cacheprovider', '--noconftest', '-c', '/dev/null', '--rootdir', '.', 'nothing.py'])\n"
        f"print([name for name in {_HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )

    assert "agent-perf" not in done.stderr
    assert "[]" == done.stdout.splitlines()[-1], done.stdout
