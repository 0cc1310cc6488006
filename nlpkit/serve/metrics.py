"""What Prometheus is told."""

import os
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from nlpkit.serve.settings import PROCESSES

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_POWERS = tuple(1 << power for power in range(9))

REQUESTS = Counter("nlpkit_requests", "Requests to models, by how they ended", ["model", "verb", "status"])
SECONDS = Histogram(
    "nlpkit_request_seconds", "From a request to the end of its answer", ["model", "verb"], buckets=_SECONDS
)
WAITING = Gauge("nlpkit_waiting", "Texts that wait or are being answered", multiprocess_mode="livesum")
BATCHES = Histogram("nlpkit_batch_items", "Texts that were answered together", ["model", "verb"], buckets=_POWERS)
TOKENS = Counter("nlpkit_tokens", "Tokens read, or steps written", ["model", "verb"])
RELOADS = Counter("nlpkit_reloads", "New versions of models, and whether they were taken", ["model", "result"])


def exposition() -> tuple[bytes, dict[str, Any]]:
    """The figures of all processes as Prometheus reads them, and the headers for that."""
    registry: CollectorRegistry = REGISTRY
    if PROCESSES in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), {"content-type": CONTENT_TYPE_LATEST}
