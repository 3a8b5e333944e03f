"""The face of a transport: performs one Exchange at a time for as many callers as there are.

Two implement it: `http11.Http11Transport`, the default, and `aiohttp_transport.AiohttpTransport` for what that does
not do.
"""

from typing import Protocol

from loadgen.client.exchange import Exchange


class Transport(Protocol):
    """Sends requests to one target and stamps what comes back."""

    async def perform(self, exchange: Exchange) -> None:
        """Send and receive; fills in the exchange. A failure is written into it, never raised.

        Raises asyncio.CancelledError only, after closing the connection; what was received until then is kept.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
