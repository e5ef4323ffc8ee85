"""``retail metrics``: what the monitor reads, for Prometheus."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Event

import typer

from retail_pipeline.cli.common import at_intervals, start
from retail_pipeline.operations.observer import Observer
from retail_pipeline.operations.report import Reporter
from retail_pipeline.operations.samples import Sample, samples
from retail_pipeline.settings import Settings

log = logging.getLogger("metrics")
DEFAULT_PORT = 9464
# Nobody watches: an observation may take longer than the checks wait for an answer (5 s).
_WAIT_S = 6.0


def metrics(
    port: int = typer.Option(
        None,
        min=1,
        max=65535,
        help=f"Port to listen on. [default: METRICS_PORT, or {DEFAULT_PORT}]",
    ),
    interval: float = typer.Option(
        5.0, "--interval", "-i", min=1.0, metavar="SECONDS", help="Time between two observations."
    ),
    once: bool = typer.Option(False, "--once", help="Observe once, print the metrics, and stop."),
) -> None:
    """Serve the pipeline's metrics for Prometheus, until SIGTERM or Ctrl-C.

    They come from the same observations as those of `retail monitor`: its verdict, the lag and the
    oldest waiting record of each partition, heartbeats, dirty days, quarantine and the last count
    check. Sales come from the summaries, and some checks from `retail health`. What can't be read
    is absent, and `retail_observation_up` is 0 for that part.
    The producer, the processors and the dashboard serve their own metrics if METRICS_PORT is set.

    Examples:

      retail metrics

      retail metrics --port 9500 --interval 15

      retail metrics --once
    """
    settings, stop = start("metrics")
    from retail_pipeline.bootstrap import observing

    with observing(settings, _WAIT_S, sales=True, checks=True) as observer:
        run = MetricsRun(settings, observer, stop, interval)
        if once:
            run.print_once()
        else:
            run.serve(port or settings.metrics_port or DEFAULT_PORT)


@dataclass
class MetricsRun:
    """One exporter from its start to its stop; ``interval`` is in seconds."""

    settings: Settings
    observer: Observer
    stop: Event
    interval: float

    def __post_init__(self) -> None:
        self._reporter = Reporter()
        self._latest: tuple[Sample, ...] = ()

    def serve(self, port: int) -> None:
        """Observe at intervals, and serve the newest observation, until ``stop`` is set.

        Raises:
            PermanentError: nothing can listen at the port.
        """
        from retail_pipeline.bootstrap import serve_samples

        serve_samples(self.settings, port, lambda: self._latest)
        log.info("metrics at http://%s:%d/metrics", self.settings.metrics_address, port)
        for _ in at_intervals(self.stop, self.interval):
            self._observe()

    def print_once(self) -> None:
        """Observe once, and print."""
        from retail_pipeline.bootstrap import samples_text

        self._observe()
        print(samples_text(lambda: self._latest), end="")

    def _observe(self) -> None:
        observation = self.observer.observe()
        self._latest = tuple(samples(observation, self._reporter.report(observation)))
