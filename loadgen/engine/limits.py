"""From a scenario's target block to what carries it: limits, the TLS context, the transport itself."""

import ssl

from loadgen.client.endpoint import Endpoint
from loadgen.client.exchange import Limits
from loadgen.client.http11 import Http11Transport
from loadgen.client.transport import Transport
from loadgen.errors import UsageError
from loadgen.scenario.target import Target, Timeouts


def limits_of(timeouts: Timeouts, *, stream: bool) -> Limits:
    """The scenario's timeouts as the transport's limits; what is not streamed has no first output to wait for."""
    return Limits(
        connect_s=min(timeouts.connect_s, timeouts.total_s),
        first_output_s=timeouts.first_output_s if stream else None,
        idle_s=timeouts.idle_s,
        total_s=timeouts.total_s,
    )


def tls_context(target: Target) -> ssl.SSLContext:
    """Verifies the server, against the scenario's own authority if it names one. Raises UsageError if unreadable."""
    try:
        return ssl.create_default_context(cafile=target.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"target.ca_file {target.ca_file!r} can't be read as PEM certificates: {error}") from None


def transport_of(target: Target, endpoint: Endpoint) -> Transport:
    """The transport that the scenario chooses. Raises UsageError for an authority that can't be read."""
    if target.measured_by == "http11":
        return Http11Transport(endpoint, tls=tls_context(target))
    from loadgen.client.aiohttp_transport import AiohttpTransport  # not needed by most, and slow to import

    return AiohttpTransport(endpoint, tls=tls_context(target), proxy=target.proxy)
