"""``retail reconcile`` refuses options that it would otherwise ignore."""

from typer.testing import CliRunner

from retail_pipeline.cli.app import app
from retail_pipeline.errors import UsageError


def test_the_count_check_takes_no_files() -> None:
    done = CliRunner().invoke(app, ["reconcile", "--quick", "orders.csv"])
    assert isinstance(done.exception, UsageError)
    assert "--quick reads no files" in str(done.exception)
