"""The stack that runs here; the pipeline's commands use it if no address is set."""

from __future__ import annotations

from retail_devstack.home import Home
from retail_pipeline.errors import RetailError


def running_stack() -> tuple[str, dict[str, str]] | None:
    """Return a line that names the stack in ``RETAIL_HOME``, and the variables that reach it.

    None if its servers don't run, or if its state file can't be read.
    """
    try:
        home = Home.from_environment()
        if not home.state_file.exists():
            return None
        # These imports are slow.
        from retail_devstack.environment import known_env
        from retail_devstack.stack import Stack

        stack = Stack(home)
        if not (stack.works() and (env := known_env(stack))):
            return None
    except (RetailError, OSError):
        return None
    kafka, mongodb = stack.address("kafka"), stack.address("mongodb")
    return f"Using the local stack in {home.root} (Kafka {kafka}, MongoDB {mongodb}).", env
