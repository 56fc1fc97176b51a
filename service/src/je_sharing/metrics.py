"""Prometheus metrics; no label names a person, a notebook or an address."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# Where prometheus_client, as it is imported, finds the folder that the processes share.
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

REQUESTS = Counter("je_sharing_requests_total", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "je_sharing_request_seconds",
    "Time to answer.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
SHARES = Counter("je_sharing_shares_total", "Shares by outcome.", ["outcome"])
RENDERINGS = Counter(
    "je_sharing_renderings_total", "Notebooks rendered for their pages, by outcome.", ["outcome"]
)
NOTEBOOK_BYTES = Histogram(
    "je_sharing_notebook_bytes",
    "Size of the notebooks shared.",
    buckets=(4e3, 1.6e4, 6.4e4, 2.56e5, 1e6, 4e6, 1.1e7),
)
RATE_LIMITED = Counter(
    "je_sharing_rate_limited_total", "Requests refused by a rate limit.", ["kind"]
)
TOKEN_REUSES = Counter("je_sharing_token_reuses_total", "Refreshes with a token used before.")
DAMAGED = Counter(
    "je_sharing_damaged_contents_total",
    "Reads of a content that did not match its hash.",
    ["place"],
)
SWEPT = Counter("je_sharing_swept_total", "Things removed by the sweep.", ["kind"])


@contextmanager
def shared_by_workers() -> Iterator[None]:
    """Let the processes that are started in this block count together.

    A count does not fall when a process ends: its successor adds to it.
    """
    os.environ[_FOLDER] = folder = tempfile.mkdtemp(prefix="je-sharing-metrics-")
    try:
        yield
    finally:
        del os.environ[_FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


def exposition() -> bytes:
    """Return the metrics of all processes of this service, as Prometheus reads them."""
    if _FOLDER not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
