"""For plain Locust: `LOADGEN_SCENARIO=quickstart LOADGEN_TARGET=http://... locust -f locustfile.py --headless`.

Locust starts with gevent's monkey patching, under which the engine's thread can't keep time; this notices and starts
the same command line again without it, once, so that nobody needs to know.
"""

import os
import sys

import gevent.os
from gevent import monkey

if monkey.is_module_patched("socket") and "LOCUST_SKIP_MONKEY_PATCH" not in os.environ:
    os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line
# Unpatched, Locust's own main would block the hub in time.sleep while it waits for workers.
monkey.patch_time()
# The workers of --processes are forked by gevent, which takes note of their ends: only its own waitpid tells Locust.
monkey.patch_module(os, gevent.os, items=["waitpid"])

from locust import events  # noqa: E402

from loadgen.swarm.hooks import attach, keep_to_loopback  # noqa: E402
from loadgen.swarm.permit import Permit  # noqa: E402

__all__ = ["Permit"]

events.init_command_line_parser.add_listener(keep_to_loopback)  # type: ignore[no-untyped-call]
events.init.add_listener(attach)  # type: ignore[no-untyped-call]
