"""Reads until when the certificates are valid that the addresses in the settings use.

Whether a certificate can be trusted is the clients' decision: here only its date is read, so that
a certificate that has expired, or that is signed by its owner, can be read as well.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from retail_pipeline.errors import PermanentError, RetailError, TransientError, os_words
from retail_pipeline.operations.certificates import Certificate

_ANSWER_SECONDS = 3.0
_SRV = "mongodb+srv://"


class CertificateReader:
    """Reads the certificates of MongoDB's servers, of its client, and of the dashboard.

    Args:
        mongo_uris: MongoDB's addresses; those without TLS have no certificate.
        dashboard_url: the dashboard's address; it has a certificate if it begins with https.
    """

    def __init__(self, mongo_uris: Iterable[str], dashboard_url: str) -> None:
        self._mongo_uris = [uri for uri in dict.fromkeys(mongo_uris) if _uses_tls(uri)]
        self._dashboard_url = dashboard_url if dashboard_url.startswith("https://") else None

    @property
    def has_any(self) -> bool:
        """Whether any address uses TLS."""
        return bool(self._mongo_uris or self._dashboard_url)

    def read(self) -> tuple[Certificate, ...]:
        """Return each certificate; one that can't be read has the reason."""
        return tuple(_read(name, read) for name, read in dict(self._readers()).items())

    def read_all(self) -> tuple[Certificate, ...]:
        """Return each certificate.

        Raises:
            TransientError: one of them can't be read.
        """
        found = self.read()
        if problems := [each.problem for each in found if each.problem]:
            raise TransientError("; ".join(problems))
        return found

    def _readers(self) -> Iterator[tuple[str, Callable[[], datetime]]]:
        for uri in self._mongo_uris:
            options = _options(uri)
            file = options.get("tlscertificatekeyfile")
            password = options.get("tlscertificatekeyfilepassword", "")
            if file:
                yield file, partial(_of_file, Path(file))
            try:
                nodes = parse_uri(uri, validate=False, connect_timeout=_ANSWER_SECONDS)["nodelist"]
            except (PyMongoError, ValueError) as error:
                yield "MongoDB", partial(_refuse, f"its servers can't be found: {error}")
                continue
            for host, port in nodes:
                if port:
                    read = partial(_of_server, host, port, file, password)
                    yield f"MongoDB {host}:{port}", read
        if self._dashboard_url:
            parts = urlsplit(self._dashboard_url)
            host, port = parts.hostname or "", parts.port or 443
            yield f"dashboard {host}:{port}", partial(_of_server, host, port)


def _read(name: str, read: Callable[[], datetime]) -> Certificate:
    try:
        return Certificate(name=name, expires_at=read())
    except OSError as error:
        reason = os_words(error)
    except (RetailError, ValueError) as error:
        reason = str(error)
    return Certificate(name=name, problem=f"the certificate of {name} can't be read: {reason}")


def _refuse(reason: str) -> datetime:
    raise PermanentError(reason)


def _options(uri: str) -> dict[str, str]:
    return {name.lower(): value for name, value in parse_qsl(uri.partition("?")[2])}


def _uses_tls(uri: str) -> bool:
    options = _options(uri)
    return options.get("tls", options.get("ssl", str(uri.startswith(_SRV)))).lower() == "true"


def _of_server(host: str, port: int, file: str | None = None, password: str = "") -> datetime:
    """Return when a server's certificate expires; ``file`` is the client's own, with its key."""
    from cryptography import x509

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if file:
        # With an empty password OpenSSL does not ask for one on the terminal.
        context.load_cert_chain(file, password=password)
    with (
        socket.create_connection((host, port), timeout=_ANSWER_SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        certificate = secured.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(certificate or b"").not_valid_after_utc


def _of_file(file: Path) -> datetime:
    from cryptography import x509

    found = x509.load_pem_x509_certificates(file.read_bytes())
    return min(each.not_valid_after_utc for each in found)
