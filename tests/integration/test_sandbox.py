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

from loadgen.sandbox.model import MIB, Job, Limits
from loadgen.sandbox.sandboxes import Sandboxes
from loadgen.sandbox.unittests import RanTests, run_tests
from tests.support.sandboxed import LIMITS, job, run, why_not, with_sandboxes
from tests.support.waiting import wait_for

_WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(_WHY_NOT is not None, reason=f"no isolation here: {_WHY_NOT}")

_SHORT = Limits(wall_s=1.0, cpu_s=5.0, memory_bytes=256 * MIB, disk_bytes=4 * MIB, processes=12, output_bytes=4096)


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


def test_files_of_the_machine_are_not_there(tmp_path: Path) -> None:
    solution = tmp_path / "solution.py"
    solution.write_text("answer = 42\n")
    checkout = Path(__file__).parents[2]
    found = _tried(f"""
        solution: open({str(solution)!r}).read()
        upwards: open("../../../../../../../../..{solution}").read()
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


def test_no_key_of_the_generator_is_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    outcome = run("import os; print(os.environ); [print(open(f'/proc/{p}/cmdline').read()) for p in ('1', 'self')]")
    assert b"sk-very-secret" not in outcome.output


@pytest.mark.parametrize(
    ("code", "killed_for", "said"),
    [
        ("import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass", "cpu wall", b""),
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
        ("while True:\n    pass", "cpu wall", b""),
        ("while True:\n    print('x' * 65536)", "output", b"bytes left out"),
    ],
    ids=["fork-bomb", "memory", "memory-of-many", "file", "files", "sleep", "spin", "output"],
)
def test_limits_hold(code: str, killed_for: str, said: bytes) -> None:
    outcome = run(code, _SHORT)
    assert (outcome.killed_for or "") in (killed_for.split() or [""])
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


def test_only_what_is_a_file_of_the_tree_is_brought_back() -> None:
    outcome = run(
        """
import os
open("good.py", "w").write("x = 1")
os.symlink("/etc/passwd", "link.py")
os.symlink("/etc", "folder")
os.mkfifo("fifo.py")
os.mkdir("deep"); open("deep/good.py", "w").write("y = 2")
open("notes.txt", "w").write("no")
""",
        collect=("**/*.py",),
    )
    assert outcome.exit_code == 0, outcome.output
    assert outcome.files == {"good.py": b"x = 1", "deep/good.py": b"y = 2", "main.py": outcome.files["main.py"]}


def test_a_tree_is_read_without_its_links(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import os; print(sorted(os.listdir()))")
    (tmp_path / "secret.py").symlink_to("/etc/passwd")
    done = with_sandboxes(lambda boxes: boxes.run(Job(tmp_path, ("python", "main.py"), LIMITS)))
    assert done.output == b"['main.py']\n"


_TEST_FILE = b"""\
import unittest
import product

class Adds(unittest.TestCase):
    def test_one(self):
        self.assertEqual(product.add(1, 1), 2)
    def test_two(self):
        self.assertEqual(product.add(2, 2), 4)
"""
_ONE, _TWO = "tests.test_it.Adds.test_one", "tests.test_it.Adds.test_two"

_FORGED = json.dumps({"token": "guessed", "test": _ONE, "result": "passed"})


def _tests_of(product: str, **planted: bytes) -> RanTests:
    tree = {"tests/__init__.py": b"", "tests/test_it.py": _TEST_FILE, "product.py": product.encode(), **planted}
    asked = run_tests(tree, [_ONE, _TWO], LIMITS)
    return asked.read(with_sandboxes(lambda boxes: boxes.run(asked.job)))


def test_tests_pass_and_fail_as_they_do() -> None:
    done = _tests_of("def add(a, b): return a + b if a < 2 else 0")
    assert done.results == {_ONE: "passed", _TWO: "failed"}
    assert not done.all_passed
    assert "AssertionError: 0 != 4" in done.text


@pytest.mark.parametrize(
    ("product", "result"),
    [
        ("import os; os._exit(0)", "missing"),
        ("import sys; sys.exit(0)", "missing"),
        ("def add(a, b):\n    import os; os._exit(0)", "missing"),
        (f"print({_FORGED!r})\ndef add(a, b): return 0", "failed"),
        (
            f"import os\nfor n in range(3, 20):\n    try:\n        os.write(n, {_FORGED.encode()!r} + b'\\n')\n"
            "    except OSError: pass\ndef add(a, b): return 0",
            "failed",
        ),
        ("syntax error", "error"),
        ("import unittest\nunittest.TestCase.assertEqual = lambda *_: None\ndef add(a, b): return 0", "error"),
        (
            "import unittest\ndef equal(self, first, second, msg=None): pass\n"
            "unittest.TestCase.assertEqual.__code__ = equal.__code__\ndef add(a, b): return 0",
            "error",
        ),
        ("import unittest\nunittest.TestCase._callTestMethod = lambda *_: None\ndef add(a, b): return 0", "error"),
        ("import builtins\nbuiltins.AssertionError = SystemError\ndef add(a, b): return 0", "error"),
    ],
    ids=[
        "exits",
        "exits-kindly",
        "exits-in-the-test",
        "prints-it",
        "writes-it-everywhere",
        "broken",
        "tests-that-say-yes",
        "the-same-by-its-code",
        "tests-that-do-not-run",
        "another-builtin",
    ],
)
def test_a_result_can_not_be_pretended(product: str, result: str) -> None:
    assert _tests_of(product).results[_ONE] == result


def test_what_is_planted_at_the_top_does_not_help() -> None:
    trap = b"import os\nos._exit(0)\n"
    planted = dict.fromkeys(("conftest.py", "sitecustomize.py", "usercustomize.py", "unittest/__init__.py"), trap)
    done = _tests_of("def add(a, b): return 0", **planted, **{"json.py": trap, "trap.pth": b"import os; os._exit(0)"})
    assert done.results == {_ONE: "failed", _TWO: "failed"}


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
