"""Until when certificates are valid, from real TLS servers and files."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from retail_pipeline.adapters.certificates import CertificateReader
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.errors import SettingsError, TransientError

NOW = datetime.now(UTC).replace(microsecond=0)
PLAIN = "http://127.0.0.1:8501"
PASSWORD = "key-password"


def pem(path: Path, expires_at: datetime, password: str | None = None) -> Path:
    """Write a certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=400))
        .not_valid_after(expires_at)
        .sign(key, hashes.SHA256())
    )
    encryption = (
        serialization.BestAvailableEncryption(password.encode())
        if password
        else serialization.NoEncryption()
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form)
    )
    return path


@contextmanager
def serving(file: Path, client: Path | None = None) -> Iterator[int]:
    """Serve TLS with the certificate in ``file`` until the end; clients need that of ``client``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # the client's certificate is asked for first
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, suppress(OSError), context.wrap_socket(connection, True):
                pass

    with create_server(("127.0.0.1", 0)) as server:
        Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def test_the_certificates_of_servers_and_of_the_client_are_read(tmp_path: Path) -> None:
    expired, later = NOW - timedelta(days=3), NOW + timedelta(days=300)
    client = pem(tmp_path / "client.pem", later, PASSWORD)
    with serving(pem(tmp_path / "server.pem", expired), client) as port:
        options = f"TLS=true&tlsCertificateKeyFile={client}"
        uri = f"mongodb://u:p@127.0.0.1:{port}/?{options}&tlsCertificateKeyFilePassword={PASSWORD}"
        reader = CertificateReader([uri, uri], f"https://127.0.0.1:{port}")
        found = {each.name: each for each in reader.read()}
    assert found[f"MongoDB 127.0.0.1:{port}"].expires_at == expired
    assert found[str(client)].expires_at == later
    # It does not get in without the client's certificate.
    assert found[f"dashboard 127.0.0.1:{port}"].problem


def test_the_dashboard_s_certificate_is_read(tmp_path: Path) -> None:
    soon = NOW + timedelta(days=3)
    with serving(pem(tmp_path / "server.pem", soon)) as port:
        reader = CertificateReader([], f"https://127.0.0.1:{port}/base")
        assert [each.expires_at for each in reader.read_all()] == [soon]


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://h",
        "mongodb://h/?tls=false",
        "mongodb://h/?ssl=false",
        "mongodb+srv://h/?tls=false",
    ],
)
def test_without_tls_there_is_no_certificate(uri: str) -> None:
    reader = CertificateReader([uri], PLAIN)
    assert not reader.has_any and reader.read_all() == ()


@pytest.mark.parametrize("uri", ["mongodb://h/?ssl=true", "mongodb+srv://h"])
def test_an_address_with_tls_has_certificates(uri: str) -> None:
    assert CertificateReader([uri], PLAIN).has_any


def test_what_can_t_be_read_has_the_reason(tmp_path: Path) -> None:
    damaged, missing = tmp_path / "damaged.pem", tmp_path / "missing.pem"
    damaged.write_text("no certificate")
    with create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    uris = [
        f"mongodb://u:SECRET@127.0.0.1:{port}/?tls=true",
        f"mongodb://127.0.0.1:{port}/?tls=true&tlsCertificateKeyFile={damaged}",
        f"mongodb://127.0.0.1:{port}/?tls=true&tlsCertificateKeyFile={missing}",
        "mongodb://h:0/?tls=true",
    ]
    reader = CertificateReader(uris, PLAIN)
    problems = [each.problem or "" for each in reader.read()]
    assert all(each.startswith("the certificate of ") for each in problems)
    assert "No such file" in "".join(problems) and "SECRET" not in "".join(problems)
    assert any("its servers can't be found" in each for each in problems)
    with pytest.raises(TransientError, match="Connection refused|No such file"):
        reader.read_all()


def test_a_file_of_the_address_that_can_t_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MongoDB's address.*missing.pem"):
        connect(f"mongodb://h/?tls=true&tlsCAFile={tmp_path / 'missing.pem'}", name="test")
