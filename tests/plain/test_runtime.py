import logging

import pytest

from je_kernel import runtime, user_agent

AGENTS = {
    "Chrome 156 on Linux": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " HeadlessChrome/156.0.0.0 Safari/537.36",
    "Chrome 156 on ChromeOS": "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36"
    " (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    "Edge 150 on Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML,"
    " like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0",
    "Safari 26 on macOS": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
    "Safari 18 on iPadOS": "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    "Chrome 140 on iOS": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1"
    " (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
    "unknown browser": "",
}


@pytest.mark.parametrize(("name", "agent"), AGENTS.items(), ids=AGENTS)
def test_a_browser_is_named_by_its_user_agent(name, agent):
    assert user_agent.browser_name(agent) == name


def test_on_cpython_everything_about_a_browser_does_not_apply():
    facts = runtime.probe()
    assert facts.pyodide is None
    assert facts.browser is None
    assert facts.drive is None
    assert facts.contents_databases is None
    assert runtime.can_run_sync() is False


def test_a_console_that_fails_prints_nothing(capsys):
    record = logging.LogRecord("je_kernel", logging.ERROR, "", 0, "lost", (), None)
    runtime.ConsoleHandler().handle(record)  # there is no js module on CPython
    assert capsys.readouterr() == ("", "")
