"""What a transport can run into."""


class FetchError(Exception):
    """Base of the package's errors."""


class ConnectFailed(FetchError):
    """No connection came about: the server has not seen the request."""


class TimedOut(FetchError):
    """No answer in time: the server may or may not have taken the request."""
