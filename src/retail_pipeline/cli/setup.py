"""``retail setup``: creates missing topics, collections, validator and indexes."""

from __future__ import annotations

import logging

import typer

log = logging.getLogger("setup")


def setup(
    timeout: float = typer.Option(
        120.0, min=0, help="Seconds to wait while Kafka or MongoDB is away."
    ),
    reset_topics: bool = typer.Option(
        False,
        "--reset-topics",
        help="Set the settings of existing topics, such as retention, to the expected ones.",
    ),
) -> None:
    """Create the topics, collections, validator and indexes that are missing.

    It can run again at any time. It keeps what exists, and brings the validator up to date.

    Examples:

      retail setup

      retail setup --timeout 60

      retail setup --reset-topics
    """
    from retail_pipeline import bootstrap
    from retail_pipeline.cli.common import start
    from retail_pipeline.flows.retry import retrying

    settings, stop = start("setup")
    retry = retrying(stop, give_up_after_s=timeout)
    topics = retry(bootstrap.ensure_topics, settings)
    log.info("topics created: %s", ", ".join(topics) or "none, all exist", extra={"topics": topics})
    if reset_topics:
        changed = retry(bootstrap.reset_topics, settings)
        log.info(
            "topics changed: %s",
            ", ".join(changed) or "none, all are as expected",
            extra={"topics": changed},
        )
    collections = retry(bootstrap.ensure_collections, settings)
    log.info(
        "collections created: %s",
        ", ".join(collections) or "none, all exist",
        extra={"collections": collections},
    )
