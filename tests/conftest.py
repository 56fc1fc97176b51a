"""What the tiers that need a browser share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.data_server import DataServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# The same examples everywhere, and no limit of time for one: a slow machine is no failure.
hypothesis.settings.load_profile("ci")


@pytest.fixture(scope="session")
def test_cache(pytestconfig: pytest.Config) -> Path:
    """A folder that is kept from one session to the next, for what takes long to make."""
    folder = pytestconfig.rootpath / ".cache" / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def data_server() -> Iterator[DataServer]:
    """Another origin, which lets every page read its data."""
    with DataServer() as server:
        yield server


@pytest.fixture
def closed_data_server() -> Iterator[DataServer]:
    """Another origin, whose data the browser keeps from every page: it sends no CORS headers."""
    with DataServer(cors=False) as server:
        yield server
