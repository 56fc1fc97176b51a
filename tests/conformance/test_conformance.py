"""Every case in ordinary Python and in each browser, with the same assertions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance import differences, registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browsers.page import Engine
    from tests.conformance.kernel import Kernel, NetworkEngine
    from tests.conformance.registry import Case, Site

ALL = list(registry.load().values())
CORE = [case for case in ALL if case.core]


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def test_there_are_enough_cases() -> None:
    assert len(ALL) >= 200


@pytest.mark.plain
def test_the_table_of_differences_is_up_to_date() -> None:
    assert differences.PAGE.read_text(encoding="utf-8") == differences.text(), (
        "run python -m tests.conformance.differences"
    )


@pytest.mark.plain
@each(ALL)
def test_in_ordinary_python(case: Case, here: Site) -> None:
    failure = registry.run_here(case.name, here)
    if failure is not None:
        pytest.fail(failure, pytrace=False)


def _check(case: Case, kernel: Kernel) -> None:
    failure = kernel.run(case)
    if failure is not None:
        pytest.fail(failure, pytrace=False)


@pytest.mark.site
@each(ALL)
def test_in_chromium_by_fetch(
    case: Case, start_kernel: Callable[[Engine, NetworkEngine], Kernel]
) -> None:
    _check(case, start_kernel("chromium", "auto"))


@pytest.mark.site
@each(ALL)
def test_in_chromium_by_xhr(
    case: Case, start_kernel: Callable[[Engine, NetworkEngine], Kernel]
) -> None:
    _check(case, start_kernel("chromium", "xhr"))


@pytest.mark.site
@each(ALL)
def test_in_webkit(case: Case, start_kernel: Callable[[Engine, NetworkEngine], Kernel]) -> None:
    _check(case, start_kernel("webkit", "auto"))


@pytest.mark.site
@each(CORE)
def test_in_firefox(case: Case, start_kernel: Callable[[Engine, NetworkEngine], Kernel]) -> None:
    _check(case, start_kernel("firefox", "auto"))
