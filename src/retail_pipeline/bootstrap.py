"""Builds the clients and adapters from settings, and the flows that need several of them.

A command reads the settings, calls a function of this module, runs what it returns, and reports the
result. What is built here connects at its first use, unless its docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, get_args

from tenacity import Retrying

from retail_pipeline.adapters.certificates import CertificateReader
from retail_pipeline.adapters.checkpoints import CheckpointFolder
from retail_pipeline.adapters.containers import containers
from retail_pipeline.adapters.dashboard import ask_dashboard
from retail_pipeline.adapters.host import HostReader, read_disk
from retail_pipeline.adapters.kafka import topics
from retail_pipeline.adapters.kafka.consumer import GroupConsumer
from retail_pipeline.adapters.kafka.observation import GroupReader
from retail_pipeline.adapters.kafka.probes import ProbeSender
from retail_pipeline.adapters.kafka.publisher import KafkaPublisher
from retail_pipeline.adapters.kafka.topics import topic_id
from retail_pipeline.adapters.mongo.client import Document, connect
from retail_pipeline.adapters.mongo.health import MongoHealth, clock_offset_s, ping, users
from retail_pipeline.adapters.mongo.heartbeats import MongoHeartbeats
from retail_pipeline.adapters.mongo.probes import MongoProbes
from retail_pipeline.adapters.mongo.quarantine import MongoQuarantine
from retail_pipeline.adapters.mongo.reads.customers import MongoCustomers
from retail_pipeline.adapters.mongo.reads.filters import MongoStatus
from retail_pipeline.adapters.mongo.reads.latest import MongoLatest
from retail_pipeline.adapters.mongo.reads.products import MongoProducts
from retail_pipeline.adapters.mongo.reads.quality import MongoQuality
from retail_pipeline.adapters.mongo.reads.rollups import MongoRollupReads
from retail_pipeline.adapters.mongo.reconciliations import MongoReconciliations
from retail_pipeline.adapters.mongo.rollups import MongoRollups
from retail_pipeline.adapters.mongo.sample import MongoSample
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.adapters.reconcile.kafka import TopicReader
from retail_pipeline.adapters.reconcile.mongo import MongoReader
from retail_pipeline.adapters.sources.registry import reparse
from retail_pipeline.adapters.zookeeper import zookeeper_mode
from retail_pipeline.domain.heartbeat import StoredHeartbeat
from retail_pipeline.domain.quarantined import Quarantined
from retail_pipeline.domain.reconciliation import Mode, Reconciliation
from retail_pipeline.domain.topics import Topics
from retail_pipeline.errors import RetailError, UsageError, os_words
from retail_pipeline.flows.dead_letter_limit import DeadLetterLimit
from retail_pipeline.flows.process import CommittedBatch, DeadLetters, Processor
from retail_pipeline.flows.reparse import QuarantineReparser
from retail_pipeline.flows.replay import Replay, ReplayResult
from retail_pipeline.flows.sample_guard import SampleGuard
from retail_pipeline.operations.alerts import Rule, parse_rules
from retail_pipeline.operations.certificates import Certificate
from retail_pipeline.operations.checks import CHECKS
from retail_pipeline.operations.disk import Disk
from retail_pipeline.operations.health import Finding, NotApplicableError
from retail_pipeline.operations.health_reads import HealthReads, Service, Topic, User
from retail_pipeline.operations.latency import LATENCY_ROWS, percentiles
from retail_pipeline.operations.metrics import Metric, Recorder
from retail_pipeline.operations.observation import (
    OBSERVED_CHECKS,
    DatabaseObservation,
    Observation,
    ReconciliationState,
)
from retail_pipeline.operations.observer import Observer, Reader, at_most_every
from retail_pipeline.operations.probe import ProbeOutcome, ProbeTransport, run_probe
from retail_pipeline.operations.repairs import COMPOSE_COMMANDS, OTHER_COMMANDS, local_commands
from retail_pipeline.operations.sales import SalesReader
from retail_pipeline.operations.samples import Sample
from retail_pipeline.reconcile.counts import CountCheck
from retail_pipeline.reconcile.full import FullReconciliation
from retail_pipeline.reconcile.ports import File
from retail_pipeline.reconcile.scheduler import Reconciler
from retail_pipeline.settings import FoundStack, Role, Settings, stack_of

if TYPE_CHECKING:
    from pymongo import MongoClient

    from retail_pipeline.adapters.notifications import Messenger

# Two folders above this package, in a checkout and in the image.
_RULES = Path(__file__).parents[2] / "monitoring" / "rules" / "retail.yml"
# How long the health check waits for an answer of Kafka and of MongoDB.
_HEALTH_ANSWER_MS = 2_000


def ensure_topics(settings: Settings) -> list[str]:
    """Create missing topics; return their names.

    Raises:
        TransientError, PermanentError: Kafka is away, or refuses.
    """
    return topics.ensure_topics(settings)


def reset_topics(settings: Settings) -> list[str]:
    """Set each topic's settings to the expected ones; return the names of the topics changed.

    Raises:
        TransientError, PermanentError: Kafka is away, or refuses.
    """
    return topics.reset_topics(settings)


def ensure_collections(settings: Settings) -> list[str]:
    """Create missing collections and indexes, and set the validator; return the created ones.

    Raises:
        TransientError, PermanentError: MongoDB is away, or refuses.
    """
    with connect(settings.mongo("setup"), name="retail-setup") as client:
        return ensure_schema(client[settings.mongo_database])


def publisher(settings: Settings, name: str) -> KafkaPublisher:
    """Return a publisher that is connected to Kafka, where it is known as ``name``.

    Raises:
        TransientError, PermanentError: Kafka is away, or refuses.
    """
    return KafkaPublisher(settings, name)


def checkpoints(settings: Settings) -> CheckpointFolder:
    """Return the producer's checkpoints of the topic that Kafka has now.

    Raises:
        TransientError, PermanentError: Kafka is away, or has no such topic.
    """
    return CheckpointFolder(settings.state_dir, topic_id(settings))


def sent_sources(settings: Settings) -> set[str]:
    """Return the sources of which rows were read and sent to Kafka at any time.

    Raises:
        TransientError, PermanentError: Kafka is away, or a topic is missing.
    """
    return TopicReader(settings).sent_sources()


class ProcessorParts:
    """What a processor is made of; the servers know it as ``name``."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings, self._name = settings, name
        database = settings.mongo_database
        self.client = connect(settings.mongo("writer"), name=name)
        self.rollups = MongoRollups(self.client, database)
        self.heartbeats = MongoHeartbeats(self.client, database)
        store, sample = MongoStore(self.client, database), MongoSample(self.client, database)
        self.store = SampleGuard(store, sample, allowed=settings.sample_allowed)

    def consumer(self) -> GroupConsumer:
        """Join the consumer group.

        Raises:
            TransientError, PermanentError: Kafka is away, or refuses.
        """
        return GroupConsumer(self._settings, self._name)

    def processor(
        self,
        consumer: GroupConsumer,
        retry: Retrying,
        committed: Callable[[CommittedBatch], None],
    ) -> Processor:
        """Return the flow from ``consumer`` into the store; it calls ``committed`` once a batch."""
        settings = self._settings
        limit = DeadLetterLimit(
            settings.dead_letter_limit_rows,
            settings.dead_letter_limit_share,
            settings.dead_letter_window_s,
        )
        dead_letters = DeadLetters(lambda: publisher(settings, self._name))
        names = Topics(*settings.topics)
        return Processor(consumer, self.store, dead_letters, names, retry, limit, committed)

    def reconciler(self, stop: Event) -> Reconciler:
        """Return the thread that compares counts now and then."""
        parts = ReconcileParts(self._settings, self.client)
        check = parts.count_check(by=self._name)
        return Reconciler(check.run, parts.results, self._settings.reconcile_every_s, stop)


class ReconcileParts:
    """What a reconciliation reads through ``client``, and where its result is kept."""

    def __init__(self, settings: Settings, client: MongoClient[Document]) -> None:
        self._topics = Topics(*settings.topics)
        self.kafka = TopicReader(settings)
        self.database = MongoReader(client, settings.mongo_database)
        self.results = MongoReconciliations(client, settings.mongo_database)

    def count_check(self, by: str = "retail reconcile") -> CountCheck:
        """Return the comparison of counts only, made in the name of ``by``."""
        return CountCheck(self.kafka, self.database, self._topics, by=by)

    def full(
        self, paths: Sequence[Path], tell: Callable[[str, int, int], None]
    ) -> FullReconciliation:
        """Return the comparison of every row, of the files at ``paths`` too; it reads manifests.

        Raises:
            UsageError: a file can't be used.
            TransientError, PermanentError: MongoDB is away, or refuses.
        """
        files: list[File] = []
        if paths:
            # Only here is pandas needed, which takes half a second.
            from retail_pipeline.adapters.reconcile.file import source_files

            files = source_files(paths, self.database.manifests())
        return FullReconciliation(self.kafka, self.database, files, self._topics, tell)


@contextmanager
def reconciling(settings: Settings) -> Iterator[ReconcileParts]:
    """Yield what ``retail reconcile`` needs, as the monitor's user."""
    with connect(settings.mongo("monitor"), name="retail-reconcile") as client:
        yield ReconcileParts(settings, client)


@contextmanager
def quarantine(settings: Settings, role: Role) -> Iterator[MongoQuarantine]:
    """Yield the quarantine as the user of ``role`` sees it."""
    with connect(settings.mongo(role), name="retail-dlq") as client:
        yield MongoQuarantine(client, settings.mongo_database)


def replay(
    settings: Settings,
    rows: MongoQuarantine,
    retry: Retrying,
    stop: Event,
    *,
    dry_run: bool,
    force: bool,
    tell: Callable[[Quarantined, ReplayResult], None],
) -> Replay:
    """Return the flow from quarantine into Kafka; with ``dry_run`` it writes nothing."""
    return Replay(
        rows,
        QuarantineReparser(rows.manifest, reparse, Topics(*settings.topics)),
        None if dry_run else lambda: publisher(settings, "retail-dlq"),
        retry,
        stop,
        None if force else settings.dlq_max_replays,
        tell,
    )


class DashboardReads:
    """What the dashboard reads through one client, which waits ``away_ms`` for MongoDB.

    ``place`` is the database's address and name.
    """

    def __init__(self, uri: str, database: str, away_ms: int) -> None:
        self.place = uri, database
        client = connect(uri, name="retail-dashboard", timeout_ms=away_ms)
        self.entries = MongoRollupReads(client, database)
        self.status = MongoStatus(client, database)
        self.reconciliations = MongoReconciliations(client, database)
        self.heartbeats = MongoHeartbeats(client, database)
        self.live = MongoLatest(client, database)
        self.quality = MongoQuality(client, database)
        self.products = MongoProducts(client, database)
        self.customers = MongoCustomers(client, database)


@contextmanager
def sample_in_mongo(settings: Settings) -> Iterator[MongoSample]:
    """Yield what is stored of the sample, as the reader sees it."""
    with connect(settings.mongo("reader"), name="retail-sample") as client:
        yield MongoSample(client, settings.mongo_database)


def recorder(settings: Settings, metrics: Iterable[Metric]) -> Recorder:
    """Return where a process records ``metrics``; they are served if a port is set.

    Raises:
        PermanentError: nothing can listen at the address and port.
    """
    if settings.metrics_port is None:
        return Recorder()
    # Only here is the library needed, which takes a tenth of a second.
    from retail_pipeline.adapters.prometheus import PrometheusRecorder, serve

    made = PrometheusRecorder(metrics)
    serve(made.registry, settings.metrics_address, settings.metrics_port)
    return made


def serve_samples(settings: Settings, port: int, read: Callable[[], Iterable[Sample]]) -> None:
    """Serve what ``read`` returns, at the settings' address.

    Raises:
        PermanentError: nothing can listen at the address and port.
    """
    from retail_pipeline.adapters.prometheus import samples_registry, serve

    serve(samples_registry(read), settings.metrics_address, port)


def samples_text(read: Callable[[], Iterable[Sample]]) -> str:
    """Return what ``read`` returns now, in Prometheus' text format."""
    from retail_pipeline.adapters.prometheus import as_text

    return as_text(read)


# A monitor shows no more sources than this.
_SOURCES_SHOWN = 5
# How often a monitor reads certificates at most.
_CERTIFICATES_S = 300.0
# How often a monitor reads all but Kafka at most; a processor writes a heartbeat every 2 seconds.
_SLOW_S = 2.5
# How often at most what takes long to read, and is for people and not for the verdict.
_RARE_S = 5.0
# How often the exporter reads at most what was summarised since, and makes its checks.
_SALES_S, _CHECKS_S = 10.0, 10.0


def _certificates(settings: Settings) -> CertificateReader:
    uris = [settings.mongo(role) for role in get_args(Role)]
    return CertificateReader(uris, settings.dashboard_url)


def _checks(settings: Settings, reads: HealthReads) -> dict[str, Reader]:
    """Return the readers of the checks that apply here; each returns None if it can't say."""

    def reader(name: str) -> Reader:
        def find() -> Finding | None:
            try:
                return CHECKS[name](reads)
            except NotApplicableError:
                return None

        return at_most_every(_CHECKS_S, find)

    unknown = set() if "dashboard_url" in settings.model_fields_set else {"dashboard"}
    return {name: reader(name) for name in OBSERVED_CHECKS if name not in unknown}


def alert_rules() -> tuple[Rule, ...]:
    """Return the rules of the alerts, from the file of this checkout that Prometheus reads.

    Raises:
        UsageError: it can't be read or used.
    """
    try:
        return parse_rules(_RULES.read_bytes())
    except OSError as error:
        raise UsageError(f"the rules of the alerts can't be read: {os_words(error)}") from None


def alert_senders(urls: Sequence[str]) -> list[Messenger]:
    """Return what delivers messages to apprise's URLs; close each at the end.

    Raises:
        UsageError: apprise can't use one of them.
    """
    from retail_pipeline.adapters.notifications import Messenger, targets

    return [Messenger(target) for target in targets(urls)]


@contextmanager
def observing(
    settings: Settings, wait_s: float = 1.0, *, sales: bool = False, checks: bool = False
) -> Iterator[Observer]:
    """Yield the pipeline's observer, as the reader's user; it waits ``wait_s`` for each part.

    With ``sales`` it also observes what the summaries add up to, and with ``checks`` what some of
    the checks of the health check find.
    """
    group = GroupReader(settings)
    with ExitStack() as opened:
        uri = settings.mongo("reader")
        client = opened.enter_context(connect(uri, name="retail-monitor", timeout_ms=2_000))
        database = settings.mongo_database
        heartbeats = MongoHeartbeats(client, database)
        results = MongoReconciliations(client, database)
        rollups = MongoRollups(client, database)
        status, latest = MongoStatus(client, database), MongoLatest(client, database)
        quality = MongoQuality(client, database)

        def reconciliation() -> ReconciliationState:
            last = results.last(Mode.QUICK)
            return ReconciliationState(last.verdict, last.at) if last else ReconciliationState()

        latencies = at_most_every(_RARE_S, lambda: percentiles(latest.delays(LATENCY_ROWS)))

        def database_state() -> DatabaseObservation:
            counts = status.counts()
            return DatabaseObservation(
                stored=counts.stored,
                quarantined=counts.quarantined,
                failed_days=counts.failed_days,
                dirty_s=rollups.pending_s(),
                last_stored_at=counts.last_stored_at,
                latencies_s=latencies(),
            )

        readers: dict[str, Reader] = {
            "processors": lambda: tuple(heartbeats.latest()),
            "dirty_days": rollups.pending,
            "reconciliation": reconciliation,
            "database": database_state,
        }
        if address := settings.zookeeper_address:
            readers["zookeeper"] = lambda: zookeeper_mode(address)
        slow = {name: at_most_every(_SLOW_S, read) for name, read in readers.items()}
        slow["sources"] = at_most_every(
            _RARE_S, lambda: tuple(each.manifest for each in quality.sources(_SOURCES_SHOWN))
        )
        if (certificates := _certificates(settings)).has_any:
            slow["certificates"] = at_most_every(_CERTIFICATES_S, certificates.read_all)
        if sales:
            reader = SalesReader(MongoRollupReads(client, database))
            slow["sales"] = at_most_every(_SALES_S, reader.read)
        if checks:
            reads = opened.enter_context(checking(settings, stack_of(settings), 0.0, 0.0))
            slow |= _checks(settings, reads)
        host = HostReader(settings.state_dir)
        slow["host"] = at_most_every(_RARE_S, host.read)
        observer = Observer({"group": group.read, **slow}, wait_s)
        try:
            yield observer
        finally:
            observer.close()
            group.close()


@contextmanager
def probing(settings: Settings) -> Iterator[ProbeTransport]:
    """Yield what sends probes, and reads as the reader's user what became of them."""
    uri = settings.mongo("reader")
    with (
        closing(GroupReader(settings)) as group,
        connect(uri, name="retail-probe", timeout_ms=2_000) as client,
    ):
        probes = MongoProbes(client, settings.mongo_database)
        yield ProbeTransport(
            settings.kafka_topic, ProbeSender(settings).send, probes.stored, group.read
        )


@contextmanager
def checking(
    settings: Settings, stack: FoundStack | None, observe_group_for_s: float, probe_for_s: float
) -> Iterator[HealthReads]:
    """Yield what the checks of the health check read; ``stack`` is the local stack, if any."""
    uri = settings.mongo("reader")
    with connect(uri, name="retail-health", timeout_ms=_HEALTH_ANSWER_MS) as client:
        reads = _HealthParts(settings, stack, client, observe_group_for_s, probe_for_s)
        try:
            yield reads
        finally:
            reads.close()


class _HealthParts:
    """What the checks read; each method may run in a thread of its own."""

    def __init__(
        self,
        settings: Settings,
        stack: FoundStack | None,
        client: MongoClient[Document],
        observe_group_for_s: float,
        probe_for_s: float,
    ) -> None:
        self._settings, self._stack = settings, stack
        self._probe_for_s = probe_for_s
        self._group = GroupReader(settings)
        database = settings.mongo_database
        mongodb = MongoHealth(client, database)
        self.query_ms = mongodb.query_ms
        self.schema_problems = mongodb.schema_problems
        self.summaries = mongodb.summaries
        self.summaries_wait_s = MongoRollups(client, database).pending_s
        self._heartbeats = MongoHeartbeats(client, database)
        self._reconciliations = MongoReconciliations(client, database)
        self.observe_group_for_s = observe_group_for_s
        self.count_check_every_s = settings.reconcile_every_s
        self._containers = (settings.compose_services or "").replace(",", " ").split()
        if stack:
            self.commands = local_commands(stack.services())
        else:
            self.commands = COMPOSE_COMMANDS if self._containers else OTHER_COMMANDS

    def close(self) -> None:
        self._group.close()

    def services(self) -> Sequence[Service]:
        if self._stack:
            return self._stack.services()
        if self._containers:
            return containers(self._containers)
        raise NotApplicableError(
            "no local stack runs here; `docker compose ps` shows containers, and this check runs"
            " in a container of theirs: docker compose run --rm retail health"
        )

    def zookeeper_mode(self) -> str:
        if not self._settings.zookeeper_address:
            raise NotApplicableError("ZOOKEEPER_ADDRESS is not set")
        return zookeeper_mode(self._settings.zookeeper_address)

    def brokers(self) -> int:
        return topics.count_brokers(self._settings, answer_ms=_HEALTH_ANSWER_MS)

    def topics(self) -> Mapping[str, Topic | None]:
        return topics.read_topics(self._settings, answer_ms=_HEALTH_ANSWER_MS)

    def group(self) -> Observation:
        at, problems, group = datetime.now(UTC), {}, None
        try:
            group = self._group.read()
        except RetailError as error:
            problems["group"] = str(error)
        return Observation(at=at, group=group, problems=problems)

    def probe(self) -> Sequence[ProbeOutcome]:
        with probing(self._settings) as transport:
            return run_probe(transport, self._probe_for_s)

    def ping_mongodb(self) -> None:
        ping(self._settings)

    def users(self) -> Sequence[User]:
        if found := users(self._settings):
            return found
        raise NotApplicableError("no address of MongoDB names a user")

    def heartbeats(self) -> Sequence[StoredHeartbeat]:
        return self._heartbeats.latest()

    def reconciliation(self, mode: Mode) -> Reconciliation | None:
        return self._reconciliations.last(mode)

    def dashboard(self) -> str:
        parts = self._stack.services() if self._stack else ()
        if any(each.name == "dashboard" and not each.started for each in parts):
            raise NotApplicableError("the local stack runs without a dashboard")
        return ask_dashboard(self._settings.dashboard_url)

    def disk(self) -> Disk:
        return read_disk(self._settings.state_dir)

    def certificates(self) -> Sequence[Certificate]:
        return _certificates(self._settings).read()

    def clock_offset_s(self) -> float:
        return clock_offset_s(self._settings)
