"""What code in a sandbox can't do, tried from within it; and that nothing of it is left afterwards."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from loadgen.sandbox.model import MIB, Limits
from loadgen.sandbox.sandboxes import Sandboxes
from tests.support.sandboxed import job, run, why_not, with_sandboxes
from tests.support.waiting import wait_for

_WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(_WHY_NOT is not None, reason=f"no isolation here: {_WHY_NOT}")

# A clock that a busy machine does not run down before the limit that is meant.
_LONG = Limits(wall_s=60.0, cpu_s=2.0, memory_bytes=256 * MIB, disk_bytes=4 * MIB, processes=12, output_bytes=4096)
_SHORT = Limits(wall_s=1.0, cpu_s=5.0, memory_bytes=256 * MIB, disk_bytes=4 * MIB, processes=12, output_bytes=4096)

_CALL = "ctypes.CDLL(None, use_errno=True).syscall"
# Of the system calls that Python has no name for.
_NUMBERS = (194, 190, 219, 116, 425, 280) if os.uname().machine == "aarch64" else (29, 64, 250, 103, 425, 321)


def _tried(code: str) -> dict[str, str]:
    """Run lines of `name: expression` each for itself: what it gave, or the error's name."""
    program = """
import json, os, socket, sys, ctypes
found = {}
for name, expression in json.loads(sys.argv[1]).items() if len(sys.argv) > 1 else json.load(open("tries.json")).items():
    try:
        found[name] = repr(eval(expression))
    except BaseException as error:
        found[name] = type(error).__name__
print(json.dumps(found))
"""
    tries = dict(line.strip().split(": ", 1) for line in code.strip().splitlines())
    outcome = run(program, tree={"tries.json": json.dumps(tries).encode()})
    assert outcome.exit_code == 0, outcome.output.decode()
    found: dict[str, str] = json.loads(outcome.output)
    return found


def test_the_network_and_the_generators_own_ports_are_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        name = f"loadgen-test-{uuid.uuid4().hex}"
        abstract.bind(f"\0{name}")
        abstract.listen()
        found = _tried(f"""
            loopback: socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 2)
            outside: socket.create_connection(("198.18.0.1", 80), 2)
            abstract: socket.socket(socket.AF_UNIX).connect("\\0{name}")
            interfaces: [name for _, name in socket.if_nameindex()]
        """)
    assert found == {
        "loopback": "OSError",
        "outside": "OSError",
        "abstract": "ConnectionRefusedError",
        "interfaces": "['lo']",
    }


def test_doors_of_the_kernel_that_no_namespace_closes_are_shut() -> None:
    """The hypervisor's sockets, memory that no limit counts, the session's keys, and the like."""
    number = dict(zip(("shmget", "semget", "keyctl", "syslog", "io_uring_setup", "bpf"), _NUMBERS, strict=True))
    found = _tried(f"""
        hypervisor: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        ciphers: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
        local: socket.socketpair()[0].family.name
        memory: os.memfd_create("hidden")
        shared: {_CALL}({number["shmget"]}, 0, 1 << 26, 0o1600), ctypes.get_errno()
        semaphores: {_CALL}({number["semget"]}, 0, 10, 0o1600), ctypes.get_errno()
        keys: {_CALL}({number["keyctl"]}, 11, -3, 0, 0), ctypes.get_errno()
        log: {_CALL}({number["syslog"]}, 10, 0, 0), ctypes.get_errno()
        ring: {_CALL}({number["io_uring_setup"]}, 4, 0), ctypes.get_errno()
        programs: {_CALL}({number["bpf"]}, 0, 0, 0), ctypes.get_errno()
        own_limits: __import__("resource").setrlimit(4, (0, 0))
        limits_of_the_first: __import__("resource").prlimit(1, 7, (0, 0))
    """)
    assert found == {
        "hypervisor": "PermissionError",
        "ciphers": "PermissionError",
        "local": "'AF_UNIX'",
        "memory": "PermissionError",
        **dict.fromkeys(("shared", "semaphores", "keys", "log", "ring", "programs"), "(-1, 1)"),
        "own_limits": "None",
        "limits_of_the_first": "PermissionError",
    }


def test_it_stands_back_behind_every_session_of_this_machine() -> None:
    """Sessions share processors alike where Linux groups processes by them, so one made within must not count."""
    outcome = run("""
import os, time
def place():
    try:
        return open("/proc/self/autogroup").read().split()[-1]
    except OSError:
        return "10"  # no such grouping here
print(os.sched_getscheduler(0) == os.SCHED_IDLE, place())
if os.fork() == 0:
    os.setsid()
    while place() != "10":
        pass
    os.write(1, b"put back\\n")
    os._exit(0)
os.wait()
""")
    assert sorted(outcome.output.splitlines()) == [b"True 10", b"put back"]


def test_files_of_the_machine_are_not_there(tmp_path: Path) -> None:
    solution = tmp_path / "solution.py"
    solution.write_text("answer = 42\n")
    checkout = Path(__file__).parents[2]
    found = _tried(f"""
        solution: open({str(solution)!r}).read()
        upwards: open("../../../../../../../../..{solution}").read()
        linked: os.symlink({str(solution)!r}, "link.py") or open("link.py").read()
        hard_linked: os.link("/etc/passwd", "hard.py")
        by_the_first: open("/proc/1/root{solution}").read()
        checkout: os.listdir({str(checkout)!r})
        home: os.listdir("/home")
        shadow: open("/etc/shadow").read()
        sockets: os.path.exists("/run") or os.path.exists("/var/run")
        sysctl: os.path.exists("/proc/sys") or os.path.exists("/proc/kcore") or os.path.exists("/sys")
        packages: [p for p in sys.path if p.endswith("packages") and os.listdir(p)]
        ours: __import__("loadgen")
        disks: [name for name in os.listdir("/dev")]
    """)
    disks = eval(found.pop("disks"))  # a list that repr wrote
    assert set(disks) == {"null", "zero", "full", "random", "urandom", "fd", "shm"}
    assert found == {
        "solution": "FileNotFoundError",
        "upwards": "FileNotFoundError",
        "linked": "FileNotFoundError",
        "hard_linked": "OSError",
        "by_the_first": "PermissionError",
        "checkout": "FileNotFoundError",
        "home": "FileNotFoundError",
        "shadow": "FileNotFoundError",
        "sockets": "False",
        "sysctl": "False",
        "packages": "[]",
        "ours": "ModuleNotFoundError",
    }


def test_it_has_no_privileges_and_can_gain_none() -> None:
    found = _tried("""
        user: os.getuid()
        root: os.setuid(0)
        write: open("/usr/bin/planted", "w")
        interpreter: open(sys.executable, "ab")
        top: open("/planted", "w")
        aside: os.mkdir("/aside2")
        namespace: ctypes.CDLL(None).unshare(0x10000000)
        mounts: ctypes.CDLL(None).unshare(0x20000)
        umount: ctypes.CDLL(None).umount2(b"/proc", 2)
        chroot: os.chroot("/tmp")
        parent: os.kill(1, 9)
        looked_into: open("/proc/1/environ", "rb").read()
        processes: sorted(int(name) for name in os.listdir("/proc") if name.isdigit()) == [1, os.getpid()]
        environment: sorted(os.environ)
    """)
    assert found == {
        "user": "1000",
        "root": "OSError",
        "write": "OSError",
        "interpreter": "PermissionError" if os.access(sys.executable, os.W_OK) else "OSError",
        "top": "OSError",
        "aside": "OSError",
        "namespace": "-1",
        "mounts": "-1",
        "umount": "-1",
        "chroot": "PermissionError",
        "parent": found["parent"],  # of root's it may not, of its own user's the kernel drops the signal
        "looked_into": "PermissionError",
        "processes": "True",
        "environment": "['HOME', 'LANG', 'PATH', 'TMPDIR']",
    }
    assert found["parent"] in ("PermissionError", "None")


def test_a_signal_to_its_group_ends_nothing_but_itself() -> None:
    """As a plain user it could otherwise end who started the sandbox, and with it the result that it is not solved."""
    outcome = run("import os\nprint(os.getpgrp() == os.getpid(), flush=True)\nos.kill(0, 9)")
    assert (outcome.output, outcome.exit_code) == (b"True\n", -9)


def test_no_key_of_the_generator_is_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    outcome = run("import os; print(os.environ); [print(open(f'/proc/{p}/cmdline').read()) for p in ('1', 'self')]")
    assert b"sk-very-secret" not in outcome.output


@pytest.mark.parametrize(
    ("code", "killed_for", "said"),
    [
        ("import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass", "cpu", b""),
        ("held = []\nwhile True:\n    held.append(bytearray(1 << 20))", "", b"MemoryError"),
        (
            "import os\nfor _ in range(8):\n    if os.fork() == 0:\n        held = bytearray(b'x') * (100 << 20)\n"
            "        import time; time.sleep(60)\nimport time; time.sleep(60)",
            "memory",
            b"",
        ),
        (
            "with open('big', 'wb') as file:\n    while True:\n        file.write(bytes(1 << 16)); file.flush()",
            "",
            b"OSError",
        ),
        (
            "for n in range(9):\n    open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))",
            "",
            b"No space left on device",
        ),
        ("import time\ntime.sleep(60)", "wall", b""),
        ("while True:\n    pass", "cpu", b""),
        ("while True:\n    print('x' * 65536)", "output", b"bytes left out"),
    ],
    ids=["fork-bomb", "memory", "memory-of-many", "file", "files", "sleep", "spin", "output"],
)
def test_limits_hold(code: str, killed_for: str, said: bytes) -> None:
    outcome = run(code, _SHORT if killed_for == "wall" else _LONG)
    assert (outcome.killed_for or "") == killed_for
    assert outcome.timed_out == (outcome.killed_for == "wall")
    assert said in outcome.output
    assert len(outcome.output) < 4096 + 100
    if killed_for:
        assert outcome.exit_code is None
    else:
        assert outcome.exit_code != 0


def test_what_runs_on_after_the_end_is_ended() -> None:
    """A daemon by the book: twice forked, a session of its own, every descriptor closed."""
    mark = f"survivor-{uuid.uuid4().hex}"
    outcome = run(f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 10)
        os.execv("/usr/bin/sleep", ["{mark}", "1000"])
    os._exit(0)
time.sleep(0.1)
print("left")
""")
    assert (outcome.exit_code, outcome.output) == (0, b"left\n")
    assert _running(mark) == []


def test_more_jobs_than_places_wait_in_line_and_are_counted() -> None:
    async def use(boxes: Sandboxes) -> None:
        outcomes = await asyncio.gather(*(boxes.run(job("print(1)")) for _ in range(5)))
        assert [outcome.output for outcome in outcomes] == [b"1\n"] * 5
        assert sum(outcome.queued_s > 0.01 for outcome in outcomes) == 3
        assert boxes.usage.runs == 5
        assert boxes.usage.cpu_s == pytest.approx(sum((one.cpu_s or 0) + one.own_cpu_s for one in outcomes))

    with_sandboxes(use)


def test_a_job_that_nobody_waits_for_any_more_is_ended() -> None:
    mark = f"cancelled-{uuid.uuid4().hex}"

    async def use(boxes: Sandboxes) -> None:
        task = asyncio.ensure_future(boxes.run(job(f"import os; os.execv('/usr/bin/sleep', ['{mark}', '1000'])")))
        await asyncio.to_thread(wait_for, lambda: bool(_running(mark)), "the sandbox's command")
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_for, lambda: not _running(mark), "its end")

    with_sandboxes(use)


_GENERATOR = """
import asyncio, sys
from loadgen.sandbox.model import Job
from loadgen.sandbox.sandboxes import Sandboxes
async def main():
    boxes = Sandboxes(1, unsafe=sys.argv[2] == "unsafe")
    boxes.start()
    await boxes.run(Job({"a": b""}, ("/usr/bin/sleep", sys.argv[1])))
asyncio.run(main())
"""


@pytest.mark.parametrize("mode", ["isolated", "unsafe"])
def test_nothing_is_left_of_a_generator_that_is_killed(mode: str) -> None:
    seconds = str(100_000 + uuid.uuid4().int % 800_000)
    generator = subprocess.Popen([sys.executable, "-c", _GENERATOR, seconds, mode])
    try:
        wait_for(lambda: len(_running(f"/usr/bin/sleep\0{seconds}")) == 1, "the sandbox's command")
        children = _below(generator.pid)
        assert len(children) >= 2
    finally:
        generator.send_signal(signal.SIGKILL)
        generator.wait()
    wait_for(lambda: not any(map(_alive, children)) and not _running(f"sleep\0{seconds}"), "the end of all of it")
    assert not list(Path("/tmp").glob("loadgen-unsafe-*"))


def test_without_isolation_the_limits_and_the_end_are_kept_and_the_notes_say_so() -> None:
    mark = f"unsafe-{uuid.uuid4().hex}"
    outcome = run(
        "import os, sys\n"
        f"if os.fork() == 0:\n    os.setsid(); os.execv('/usr/bin/sleep', ['{mark}', '1000'])\n"
        "print(sorted(os.environ)); print(open('/etc/passwd').read()[:4])",
        unsafe=True,
    )
    assert outcome.output == b"['HOME', 'LANG', 'PATH', 'TMPDIR']\nroot\n"
    assert _running(mark) == []
    assert run("import time; time.sleep(60)", _SHORT, unsafe=True).killed_for == "wall"
    assert not list(Path("/tmp").glob("loadgen-unsafe-*"))
    (note,) = Sandboxes(unsafe=True).notes
    assert "without isolation" in note


def _running(mark: str) -> list[int]:
    """The processes of this machine whose command line holds this."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark in Path("/proc", name, "cmdline").read_bytes().decode(errors="replace"):
                    found.append(int(name))
    return found


def _below(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [lower for child in children for lower in _below(child)]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


_REFUSED = """
from loadgen.errors import UsageError
from loadgen.sandbox.sandboxes import Sandboxes
try:
    Sandboxes(1).start()
except UsageError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root's right to make namespaces away")
def test_where_namespaces_are_forbidden_it_refuses_and_says_what_helps() -> None:
    forbidden = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    told = subprocess.run(
        [*forbidden, sys.executable, "-c", _REFUSED], capture_output=True, text=True, check=True
    ).stdout
    assert told.startswith("no sandbox for code that the model wrote: ")
    for words in ("Operation not permitted", "seccomp=unconfined", "`sandbox: unsafe`"):
        assert words in told
