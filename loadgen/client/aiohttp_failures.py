"""aiohttp's exceptions in our outcome classes: what http11.py and connection.py say of the same mishap.

Called by the aiohttp transport only. Knows its public exceptions, and the text of one: a body that broke off and one
that can't be read come as the same ClientPayloadError.
"""

import ssl

import aiohttp

from loadgen.client.exchange import Failure
from loadgen.client.http11 import reason

# How aiohttp words a body that ended too early, where it words a body that is no HTTP otherwise.
_CUT = ("Not enough data", "not completed", "Connection lost", "Connection closed")


def connect_failure(error: Exception, patience_s: float | None, *, tls: bool) -> Failure:
    """Why no connection was made. patience_s: the limit. tls: whether the target is spoken to through TLS."""
    if isinstance(error, TimeoutError):
        return Failure("connect", f"no connection within {patience_s:g} s" if patience_s is not None else str(error))
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Failure("connect", f"the proxy answers HTTP {error.status}")
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return Failure("connect", f"the proxy: {reason(error.os_error)}")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Failure("tls", str(error.certificate_error))
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return Failure("tls", str(error.os_error if isinstance(error, aiohttp.ClientSSLError) else error))
    problem = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if tls and isinstance(problem, (ConnectionResetError, ConnectionAbortedError)):
        return Failure("tls", f"connection closed in the TLS handshake ({problem})")
    return Failure("connect", reason(problem))


def is_stale(error: Exception) -> bool:
    """Whether this, on a connection used before, means that it was closed before any byte of a response."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # otherwise it is the part of a head that came
    return isinstance(error, aiohttp.ClientOSError)


def reply_failure(error: Exception, *, started: bool) -> Failure:
    """Why there is no whole reply. started: whether its head had come."""
    if isinstance(error, aiohttp.ClientResponseError):
        return _no_http(error.message)
    if isinstance(error, aiohttp.ClientPayloadError):
        problem = str(getattr(error.__cause__, "message", error))
        if not any(words in problem for words in _CUT):
            return _no_http(problem)
    began = started or (isinstance(error, aiohttp.ServerDisconnectedError) and not is_stale(error))
    why = f" ({error})" if isinstance(error, OSError) else ""
    return Failure("truncated", f"connection closed {'in the middle of' if began else 'before'} the response{why}")


def _no_http(problem: str) -> Failure:
    # Behind the first line stand the bytes themselves.
    return Failure("invalid_response", f"not HTTP/1.1: {problem.partition(chr(10))[0].rstrip(':')}")
