"""Where telemetry goes: the section `[otel]` of config.toml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from hansa import Invalid, Model, Secret, setting

_is_name = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_is_value = re.compile(r"[\t\x20-\x7e]*").fullmatch
OURS = ("content-type", "content-encoding", "content-length", "host", "transfer-encoding")
"""Headers that the plugin itself sets."""


class OtelSection(Model):
    """OpenTelemetry: `[otel]`."""

    enabled: Annotated[bool, setting("Send telemetry to a collector")] = False
    endpoint: Annotated[
        str,
        setting(
            "URL of the collector, to which /v1/traces and /v1/metrics are added; https, or http on "
            "this machine",
            example="https://collector.example.com:4318",
        ),
    ] = "http://127.0.0.1:4318"
    headers: Annotated[
        dict[str, Secret],
        setting("Headers that each request to the collector has, such as that of a login"),
    ] = {}
    tls_ca: Annotated[
        str,
        setting(
            "PEM file of certificate authorities to trust; empty for those of the system",
            example="/etc/ssl/collector-ca.pem",
        ),
    ] = ""
    tls_certificate: Annotated[
        str, setting("PEM file of the client certificate, if the collector asks for one")
    ] = ""
    tls_key: Annotated[str, setting("PEM file with the key of the client certificate")] = ""
    timeout: Annotated[
        float,
        setting(
            "Maximum time of one request to the collector, and of the last ones when a worker ends, "
            "in seconds",
            gt=0,
            le=60,
        ),
    ] = 10.0
    compression: Annotated[
        Literal["gzip", "none"], setting("How requests to the collector are compressed")
    ] = "gzip"
    service_name: Annotated[
        str, setting("The resource attribute service.name", min_length=1, max_length=200)
    ] = "hansa"
    resource: Annotated[
        dict[str, str],
        setting(
            "Further attributes of the resource, by name",
            example={"deployment.environment.name": "production"},
        ),
    ] = {}
    traces: Annotated[bool, setting("Send the steps of messages, as spans")] = True
    sampling_ratio: Annotated[
        float,
        setting(
            "Share of the traces that begin here which are sent; of those that a caller has begun, "
            "the flag in its traceparent decides",
            ge=0,
            le=1,
        ),
    ] = 1.0
    traces_interval: Annotated[
        float, setting("Interval at which spans are sent, in seconds", ge=0.1, le=60, advanced=True)
    ] = 2.0
    batch_size: Annotated[
        int, setting("Maximum number of spans of one request", ge=1, le=10_000, advanced=True)
    ] = 1000
    max_waiting: Annotated[
        int,
        setting(
            "Maximum number of spans that wait in a worker to be sent; more are dropped, and counted",
            ge=100,
            le=1_000_000,
            advanced=True,
        ),
    ] = 20_000
    metrics: Annotated[bool, setting("Send the statistics, as metrics")] = True
    metrics_interval: Annotated[
        float, setting("Interval at which metrics are sent, in seconds", ge=0.1, le=3600)
    ] = 30.0

    def check(self) -> None:
        """Refuse an address that is not secure, files that are not there, headers that are none."""
        super().check()
        faults = {**self._faults_of_files(), **self._faults_of_headers()}
        # in a function, since this module is loaded early, where nothing of hansa-http is
        from hansa_http.secure_url import fault_of_secure_url

        fault = fault_of_secure_url(self.endpoint, "names of services and callers go to it")
        if fault:
            faults["endpoint"] = fault
        elif "?" in self.endpoint:
            faults["endpoint"] = "must not have a query: /v1/traces is added to it"
        if faults:
            raise Invalid(faults)

    def _faults_of_files(self) -> dict[str, str]:
        faults = {}
        for name in ("tls_ca", "tls_certificate", "tls_key"):
            path = getattr(self, name)
            if path and not Path(path).is_file():
                faults[name] = f"there is no file {path}"
        if bool(self.tls_certificate) != bool(self.tls_key):
            missing = "tls_key" if self.tls_certificate else "tls_certificate"
            faults[missing] = "certificate and key belong together"
        return faults or self._faults_of_contents()

    def _faults_of_contents(self) -> dict[str, str]:
        if not self.tls_ca and not self.tls_certificate:
            return {}
        # PERF: each command reads these settings, and starts without it
        import ssl

        faults = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.tls_ca:
            try:
                context.load_verify_locations(self.tls_ca)
            except OSError:
                faults["tls_ca"] = f"{self.tls_ca} has no certificates in PEM"
        if self.tls_certificate:
            try:
                context.load_cert_chain(self.tls_certificate, self.tls_key, password="")
            except OSError:
                faults["tls_key"] = (
                    f"{self.tls_key} has no key without a passphrase that fits "
                    f"{self.tls_certificate}"
                )
        return faults

    def _faults_of_headers(self) -> dict[str, str]:
        faults = {}
        for name, value in self.headers.items():
            if not _is_name(name):
                faults[f"headers.{name}"] = "is not a valid name of a header"
            elif name.lower() in OURS:
                faults[f"headers.{name}"] = "is set by hansa-otel itself"
            elif not _is_value(value) or value != value.strip():
                faults[f"headers.{name}"] = "the value of this header is not valid HTTP"
        return faults
