"""Percentiles of the rows' latency."""

from __future__ import annotations

import numpy as np
import pytest

from retail_pipeline.operations.latency import percentile


def test_the_median_and_the_slowest_twentieth_of_the_delays() -> None:
    assert percentile([], 0.5) is None
    assert percentile([4.0], 0.95) == 4.0
    assert percentile([float(each) for each in range(101)], 0.5) == 50.0
    assert percentile([float(each) for each in range(101)], 0.95) == 95.0


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95, 0.99, 1.0])
def test_between_two_rows_it_is_interpolated_as_numpy_does_it(share: float) -> None:
    delays = [3.0, 0.5, 9.25, 1.0]
    assert percentile(delays, share) == pytest.approx(np.quantile(delays, share))
