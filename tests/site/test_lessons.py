"""The corpus of lessons, run from top to bottom in a site that is built of it.

All lessons that are asked for run before the first test, several folders at the same time. The
tier has the time for two thirds of them; ``JE_KERNEL_LESSONS=all`` runs the whole corpus, and
then ``-k`` with a part of a lesson's name that lesson alone.
"""

import json
import os

import pytest

from je_site.build import BuildOptions, build_if_needed
from je_site.distribution import STATIC
from tests.lessons.failing import FAILING, NEEDING
from tests.lessons.in_site import run_in_site
from tests.lessons.lessons import CORPUS, read_lessons

LESSONS = {lesson.path: lesson for lesson in read_lessons()}
#: What they show is in others of their subject as well, which take less time.
LONGER = {
    "arts/Colours of a painting.ipynb",
    "arts/Mandelbrot.ipynb",
    "arts/Picture filters.ipynb",
    "arts/Sound.ipynb",
    "biology/Flowers_Colab.ipynb",
    "biology/Yeast growth.ipynb",
    "chemistry/Reaction rates.ipynb",
    "economics/Compound interest.ipynb",
    "economics/Household budget.ipynb",
    "geography/Class trip.ipynb",
    "geography/Climate stripes.ipynb",
    "geography/Earthquakes.ipynb",
    "geography/Volcanoes.ipynb",
    "history/Emperors.ipynb",
    "machine_learning/Clusters.ipynb",
    "machine_learning/Digits.ipynb",
    "machine_learning/House prices_colab.ipynb",
    "machine_learning/Many processors.ipynb",
    "machine_learning/Neural network.ipynb",
    "machine_learning/Spam filter.ipynb",
    "maths/Fourier.ipynb",
    "maths/Matrices.ipynb",
    "maths/Probability.ipynb",
    "physics/Capacitor.ipynb",
    "physics/Double slit.ipynb",
    "physics/Free fall.ipynb",
    "physics/Pendulum.ipynb",
    "physics/Radioactive decay.ipynb",
    "statistics/Bootstrap and tests.ipynb",
    "statistics/Normal distribution.ipynb",
    "statistics/Regression.ipynb",
}
IN_SHORT = [path for path in LESSONS if path not in LONGER]
ALL = os.environ.get("JE_KERNEL_LESSONS") == "all"


@pytest.fixture(scope="module")
def site(test_cache):
    folder = test_cache / "lessons-site"
    # No lesson needs the copies that a site keeps for offline use, and making them takes time.
    options = BuildOptions(contents=(CORPUS,), lock=test_cache / "lessons.lock", offline=False)
    build_if_needed(folder, options, quiet=True)
    return folder


@pytest.fixture(scope="module")
def packages(site):
    """The names of the packages that the site has."""
    (lock,) = (site / STATIC).glob("pyodide-lock-*.json")
    return set(json.loads(lock.read_text("utf-8"))["packages"])


@pytest.fixture(scope="module")
def verdicts(site, request, test_cache):
    """What came of each lesson that a test of this session asks for, by its path."""
    asked = {
        item.callspec.params["path"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    # What other workers of pytest leave of the machine.
    jobs = max((os.cpu_count() or 1) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), 1)
    wanted = [LESSONS[path] for path in sorted(asked or LESSONS)]
    found = {}
    # What is known so far, for whoever waits, or ends it.
    with (test_cache / "lessons.log").open("w", encoding="utf-8") as log:
        for each in run_in_site(site, wanted, jobs=jobs):
            path = each.lesson.path
            ran = f"{each.running} of {len(each.cells)} cells in {each.seconds:.0f} s"
            print(f"{path}: {ran}", file=log, flush=True)
            for cell in each.failing:
                print(f"    cell {cell.number}: {cell.reason}", file=log, flush=True)
            found[path] = each
    return found


@pytest.mark.parametrize("path", LESSONS if ALL else IN_SHORT)
def test_a_lesson_runs_as_on_a_laptop(path, verdicts, packages):
    expected = set(FAILING.get(path, ()))
    for package, lessons in NEEDING.items():
        expected |= set() if package in packages else set(lessons.get(path, ()))
    failing = {cell.number: cell.reason for cell in verdicts[path].failing}
    unknown = {number: why for number, why in failing.items() if number not in expected}
    assert not unknown
    assert not expected - failing.keys(), "it runs: delete it in tests/lessons/failing.py"


@pytest.mark.skipif(not ALL, reason="the tier runs some of the lessons")
def test_the_corpus_runs_as_on_a_laptop(verdicts):
    cells = sum(len(each.cells) for each in verdicts.values())
    assert sum(each.running for each in verdicts.values()) >= 0.97 * cells
    assert sum(each.is_whole for each in verdicts.values()) >= 0.9 * len(LESSONS)
