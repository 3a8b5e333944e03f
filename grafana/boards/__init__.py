"""One module a dashboard; each has a function that returns it built."""
