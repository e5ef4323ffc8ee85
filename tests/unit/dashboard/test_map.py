"""The map of countries: which are on it, and what its legend says."""

import pandas as pd
import pytest

from retail_pipeline.dashboard.overview.map import on_map, world


def countries(**net: float) -> pd.DataFrame:
    names = [name.replace("_", " ") for name in net]
    texts = {"Net sales": "", "Orders": "", "Customers": ""}
    return pd.DataFrame({"name": names, "net": list(net.values())}).assign(**texts)


def test_the_datasets_own_names_find_their_place() -> None:
    found = on_map(countries(EIRE=1.0, France=2.0, Unspecified=3.0))
    assert dict(zip(found["name"], found["place"])) == {"EIRE": "Ireland", "France": "France"}


@pytest.mark.parametrize(
    "net, domain, labelled",
    [
        ({"France": 2_500_000.0, "Spain": 130.0}, [0, 2_500_000], [0, 10_000, 100_000, 1_000_000]),
        ({"France": 900.0, "Spain": -40.0}, [-40, 900], [0]),
        ({"France": -10.0}, [-10, 0], [0]),
    ],
)
def test_the_legend_goes_from_nothing_to_the_most(
    net: dict[str, float], domain: list[float], labelled: list[float]
) -> None:
    colour = world(on_map(countries(**net)), "#eee")["layer"][1]["encoding"]["color"]
    assert colour["scale"]["domain"] == domain
    assert colour["legend"]["values"] == labelled
