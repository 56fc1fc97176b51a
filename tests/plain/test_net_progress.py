"""When progress is shown, and how."""

import io

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher

from je_kernel import settings
from je_kernel.net import progress
from je_kernel.net.message import Request
from je_kernel.net.progress import (
    DownloadProgress,
    NotebookDisplay,
    StepProgress,
    TerminalDisplay,
    describe,
    track,
)

MB = 1_000_000


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Recorder:
    def __init__(self):
        self.shown = []
        self.cleared = 0

    def show(self, label, words, done, total):
        self.shown.append((words, done, total))

    def clear(self):
        self.cleared += 1


def download(parts, total=None):
    """Receive parts of (seconds waited, bytes) and return what was shown."""
    clock, display = Clock(), Recorder()
    with DownloadProgress("rain.csv", total, display, clock) as tracked:
        for seconds, size in parts:
            clock.now += seconds
            tracked.update(size)
    return display


def test_the_first_second_shows_nothing():
    display = download([(0.3, 5 * MB)] * 3, total=50 * MB)
    assert display.shown == []
    assert display.cleared == 0


def test_a_small_download_shows_nothing_however_slow():
    assert download([(3, 1000)] * 20, total=20_000).shown == []
    assert download([(3, 1000)] * 20).shown == []


def test_a_large_and_slow_download_is_shown_and_cleared_when_done():
    display = download([(0.6, MB)] * 3, total=3 * MB)
    assert display.shown == [
        ("2.0 of 3.0 MB, 1.7 MB/s, 1 second left", 2 * MB, 3 * MB),
        ("3.0 of 3.0 MB, 1.7 MB/s, 1 second left", 3 * MB, 3 * MB),
    ]
    assert display.cleared == 1


def test_a_download_of_unknown_size_is_shown_once_it_has_grown():
    display = download([(0.6, 400_000)] * 4)
    assert [received for _, received, _ in display.shown] == [1_200_000, 1_600_000]


def test_it_is_shown_four_times_a_second_and_not_more():
    display = download([(0.01, 100_000)] * 300, total=30 * MB)
    assert 6 <= len(display.shown) <= 9


def test_it_is_cleared_when_the_download_fails():
    clock, display = Clock(), Recorder()
    with (
        pytest.raises(OSError, match="broke"),
        DownloadProgress("a", 9 * MB, display, clock) as tracked,
    ):
        clock.now = 2
        tracked.update(MB)
        raise OSError("broke")
    assert display.cleared == 1


@pytest.mark.parametrize(
    ("received", "total", "seconds", "words"),
    [
        (1 * MB, 10 * MB, 1, "1.0 of 10.0 MB, 1.0 MB/s, 9 seconds left"),
        (9_900_000, 10 * MB, 9.9, "9.9 of 10.0 MB, 1.0 MB/s, 1 second left"),
        (1 * MB, 301 * MB, 1, "1.0 of 301.0 MB, 1.0 MB/s, 5 minutes left"),
        (5 * MB, None, 2, "5.0 MB, 2.5 MB/s"),
        (5 * MB, 4 * MB, 2, "5.0 MB, 2.5 MB/s"),
        (0, 4 * MB, 2, "0.0 of 4.0 MB, 0.0 MB/s"),
        (0, None, 0, "0.0 MB, 0.0 MB/s"),
    ],
)
def test_progress_in_words(received, total, seconds, words):
    assert describe(received, total, seconds) == words


def test_in_a_notebook_one_output_is_made_changed_and_emptied():
    publisher = CapturingDisplayPublisher()
    display = NotebookDisplay(publisher)
    display.show("Reading <rain>.csv", "little", MB, 4 * MB)
    display.show("Reading <rain>.csv", "more", 2 * MB, 4 * MB)
    display.clear()
    first, second, last = publisher.outputs
    assert [output["update"] for output in publisher.outputs] == [False, True, True]
    assert len({output["transient"]["display_id"] for output in publisher.outputs}) == 1
    assert (
        '<progress value="1000000" max="4000000" aria-label="Reading &lt;rain&gt;.csv"'
        in (first["data"]["text/html"])
    )
    assert second["data"]["text/plain"] == "Reading <rain>.csv: more"
    assert last["data"] == {}


def test_a_bar_of_unknown_length_has_no_value():
    publisher = CapturingDisplayPublisher()
    NotebookDisplay(publisher).show("a", "some", MB, None)
    assert "<progress aria-label=" in publisher.outputs[0]["data"]["text/html"]


def test_on_a_terminal_the_line_is_written_over_and_wiped_out():
    stream = io.StringIO()
    display = TerminalDisplay(stream)
    display.show("Reading a.csv", "1.0 of 10.0 MB", MB, 10 * MB)
    display.show("Reading a.csv", "9.0 MB", 9 * MB, None)
    display.clear()
    lines = stream.getvalue().split("\r")
    assert lines[1] == "Reading a.csv: 1.0 of 10.0 MB"
    assert lines[2].strip() == "Reading a.csv: 9.0 MB"
    assert len(lines[2]) == len(lines[1])
    assert lines[3].strip() == lines[4] == ""


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.org/data/my%20rain.csv?x=1", "my rain.csv"),
        ("https://a.org/data/", "data"),
        ("https://a.org", "a.org"),
    ],
)
def test_a_download_is_called_by_its_files_name(url, name):
    assert track(Request("GET", url), None)._name == name


def test_the_setting_turns_it_off(monkeypatch):
    monkeypatch.setattr(progress.sys, "stderr", io.StringIO())
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("JE_KERNEL_PROGRESS", "on")
    settings.reload()
    try:
        assert isinstance(progress.display(), TerminalDisplay)
        monkeypatch.setenv("JE_KERNEL_PROGRESS", "off")
        settings.reload()
        assert progress.display() is None
    finally:
        monkeypatch.undo()
        settings.reload()


def test_where_nobody_looks_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(progress.sys, "stderr", io.StringIO())
    assert progress.display() is None


def steps(*seconds):
    """Do things that take these seconds and return what was shown."""
    clock, display = Clock(), Recorder()
    with StepProgress([f"package-{n}" for n in range(len(seconds))], display, clock) as shown:
        for each in seconds:
            shown.next()
            clock.now += each
    return display


def test_quick_steps_show_nothing():
    display = steps(0.1, 0.1, 0.1, 9)
    assert (display.shown, display.cleared) == ([], 0)


def test_slow_steps_are_shown_with_their_number_and_cleared_when_done():
    display = steps(0.4, 0.4, 3)
    assert display.shown == [("3 of 3", 2, 3)]
    assert display.cleared == 1
