"""No test is skipped unnoticed: with `--strict-skips FILE`, every skip must be named in FILE or the run fails.

FILE holds one test id per line (`*` stands for anything); what follows a # is the reason.
"""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest


class StrictSkips:
    """Collects the skipped tests of a run and judges them at its end."""

    def __init__(self, listed: Path) -> None:
        lines = (line.partition("#")[0].strip() for line in listed.read_text().splitlines())
        self.allowed = [line for line in lines if line]
        self.surprises: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._judge(report.nodeid, report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._judge(report.nodeid, report)

    def _judge(self, name: str, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            if not any(fnmatchcase(name, pattern) for pattern in self.allowed):
                self.surprises[name] = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.surprises and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for name, reason in self.surprises.items():
            terminalreporter.write_line(f"SKIPPED BUT NOT LISTED {name}: {reason}", red=True)
