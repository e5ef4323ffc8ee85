"""What counts as agreement of the monitor and the other tools."""

from __future__ import annotations

from chaos.monitor_agree import Comparison, Shown


def comparison(*exporter: Shown) -> Comparison:
    """Return what was shown while 10 records a second were stored, for 60 seconds."""
    monitor = [Shown(float(second), 10 * second, 5) for second in range(61)]
    live = [Shown(float(second), 10 * second, 5) for second in range(10, 61)]
    rows = dict.fromkeys(("monitor", "exporter", "reconciliation"), 600)
    shown = {"monitor": monitor, "exporter": list(exporter), "Live page": live}
    return Comparison(shown, rows, "agree")


def test_what_the_monitor_showed_within_the_interval_agrees() -> None:
    found = comparison(Shown(20.5, 205, 9), Shown(30.0, 245, 0), Shown(60.0, 600, 5))
    assert found.agreeing("exporter") == (3, 3)
    assert list(found.problems()) == []


def test_what_is_older_or_newer_than_that_does_not_agree() -> None:
    found = comparison(Shown(30.0, 239, 5), Shown(40.0, 401, 5), Shown(60.0, 600, 5))
    assert found.agreeing("exporter") == (1, 3)
    assert list(found.problems()) == ["the exporter agreed 1 times of 3"]


def test_before_and_after_the_monitor_nothing_is_compared() -> None:
    found = comparison(Shown(5.9, 0, 5), Shown(61.0, 0, 5))
    assert found.agreeing("exporter") == (0, 0)
    assert list(found.problems())[0] == "the exporter agreed 0 times of 0"


def test_other_figures_in_the_end_are_named() -> None:
    found = comparison(Shown(30.0, 300, 5), Shown(60.0, 590, 5))
    found.rows["reconciliation"] = 599
    found.verdict = "differ"
    assert [line.partition(":")[0] for line in found.problems()] == [
        "in the end the exporter shows Shown(at=60.0, stored=590, lag=5)",
        "in the end they count different rows",
        "the reconciliation's verdict is differ",
    ]
