"""``retail setup``: topics, collections, validator and indexes, made idempotently."""

from __future__ import annotations

import logging

import typer

log = logging.getLogger("setup")


def setup(
    timeout: float = typer.Option(
        120.0, min=0, help="Seconds to go on trying while Kafka or MongoDB is away."
    ),
) -> None:
    """Make the topics, collections, validator and indexes that are missing.

    Safe to run at any time, and again: what is there already is left as it is.

    Examples:

      retail setup

      retail setup --timeout 60
    """
    from retail_pipeline import bootstrap
    from retail_pipeline.cli.common import start
    from retail_pipeline.flows.retry import retrying

    settings, stop = start("setup")
    retry = retrying(stop, give_up_after_s=timeout)
    topics = retry(bootstrap.make_topics, settings)
    log.info("topics made: %s", ", ".join(topics) or "none, all are there")
    collections = retry(bootstrap.make_collections, settings)
    log.info("collections made: %s", ", ".join(collections) or "none, all are there")
