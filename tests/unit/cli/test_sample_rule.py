"""When the producer may send the sample, and when other data may replace it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import typer
from pytest_mock import MockerFixture

from retail_pipeline.cli.produce import sample_rule
from retail_pipeline.cli.produce.sample_rule import SampleRule
from retail_pipeline.domain.sample_source import SAMPLE_SOURCE, is_sample
from retail_pipeline.errors import SourceError, UsageError
from retail_pipeline.flows.source import SourceFacts
from retail_pipeline.sample.generator import SAMPLE_ROWS, SAMPLE_SEED
from retail_pipeline.sample.writer import write_sample
from retail_pipeline.settings import Settings
from tests.fakes import FakeSource
from tests.sources import source_of

OWN, OTHER = "abcdef0123456789", "0123456789abcdef"


@dataclass
class Named(FakeSource):
    """A source of another identity."""

    source: str = OWN

    @property
    def facts(self) -> SourceFacts:
        return replace(super().facts, source=self.source, name=self.name)


MADE_UP = Named([], "x.csv", SAMPLE_SOURCE)
MINE = Named([], "own.csv", OWN)


def rule(*sent: str, yes: bool = False, env: str = "development") -> SampleRule:
    settings = Settings(retail_env=env)
    return SampleRule(settings, yes, lambda: set(sent))


def test_the_file_that_the_producer_makes_is_known_as_the_sample(tmp_path: Path) -> None:
    for name in ("x.csv", "y.csv.gz"):
        write_sample(tmp_path / name, SAMPLE_ROWS, SAMPLE_SEED)
        assert source_of(tmp_path / name).facts.source == SAMPLE_SOURCE
    write_sample(tmp_path / "z.csv", 1_000, SAMPLE_SEED + 1)
    assert not is_sample(source_of(tmp_path / "z.csv").facts.source)
    assert is_sample(f"{SAMPLE_SOURCE}-2"), "a second pass of --loop"


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (rule(OWN), "other data was streamed before"),
        (rule(OWN, SAMPLE_SOURCE), "other data was streamed before"),
        (rule(env="staging"), "RETAIL_ENV=staging"),
        (rule(env="production"), "RETAIL_ENV=production"),
    ],
    ids=["other data", "both", "staging", "production"],
)
def test_the_sample_is_refused_where_it_has_no_place(subject: SampleRule, words: str) -> None:
    assert words in (subject.why_no_sample() or "")
    with pytest.raises(SourceError, match=f"x.csv is the sample: .*{words}"):
        subject.admit([MADE_UP])


def test_the_sample_is_admitted_where_nothing_else_ever_was() -> None:
    for subject in (rule(), rule(SAMPLE_SOURCE)):
        assert subject.why_no_sample() is None
        subject.admit([MADE_UP])


def test_the_sample_is_refused_together_with_other_files() -> None:
    with pytest.raises(SourceError, match="x.csv is the sample: .*together with other data"):
        rule().admit([MINE, MADE_UP])


def test_other_data_needs_a_yes_where_only_the_sample_was_sent() -> None:
    with pytest.raises(UsageError, match="own.csv would replace; nothing was sent: add --yes"):
        rule(SAMPLE_SOURCE).admit([MINE])
    with pytest.raises(UsageError, match="add --yes"):
        rule(SAMPLE_SOURCE).admit_folder(Path("data"))
    rule(SAMPLE_SOURCE, yes=True).admit([MINE])
    rule(SAMPLE_SOURCE, yes=True).admit_folder(Path("data"))


def test_other_data_needs_no_yes_where_there_is_no_sample_or_it_was_replaced() -> None:
    for subject in (rule(), rule(OTHER), rule(SAMPLE_SOURCE, OTHER)):
        subject.admit([MINE])
        subject.admit_folder(Path("data"))


def test_after_other_data_was_admitted_the_sample_is_refused() -> None:
    subject = rule()
    subject.admit([MINE])
    with pytest.raises(SourceError, match="x.csv is the sample"):
        subject.admit([MADE_UP])


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_the_user_is_asked(mocker: MockerFixture, answer: bool) -> None:
    mocker.patch.object(sample_rule, "sys")
    confirm = mocker.patch.object(typer, "confirm", return_value=answer)
    subject = rule(SAMPLE_SOURCE)
    if answer:
        subject.admit([MINE])
    else:
        with pytest.raises(UsageError, match="nothing was sent, and the sample stays"):
            subject.admit([MINE])
    assert "own.csv" in confirm.call_args.args[0]
