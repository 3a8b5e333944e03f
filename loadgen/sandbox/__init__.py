"""Code that a model wrote is run here, and nowhere else: in namespaces of its own, under limits, beside the engine.

    Sandboxes (sandboxes.py)     in the worker: asks, and waits without holding up the event loop
      keeper.py                  a small process beside the worker: starts sandboxes, at most so many at a time
        unshare(1)
          inside.py              the first process of a sandbox: builds its file system, watches the limits
            the command          without privileges, network, or anything of the host

unittests.py runs Python tests in one, scoring.py decides what of an agent's work counts. docs/sandbox.md says what is
promised and what is not.
"""
