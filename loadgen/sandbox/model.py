"""What is asked of a sandbox, and what comes of it. Used by the worker and by the keeper; knows of nothing else."""

from msgspec import Struct

MIB = 1024 * 1024

# As the first word of a command: the interpreter that runs loadgen, without its site-packages.
PYTHON = "python"


class Limits(Struct, frozen=True):
    """What one run may take. Whatever it starts counts together, except where it says otherwise.

    wall_s: from the start of the command; everything is killed then.
    cpu_s: of user and system time. memory_bytes: of each process's address space, and of what all hold together.
    disk_bytes: of all files, the tree included (they lie in memory). processes: at a time, threads included.
    output_bytes: of what is kept of the output; its beginning and its end, where it is more.
    """

    wall_s: float = 10.0
    cpu_s: float = 10.0
    memory_bytes: int = 512 * MIB
    disk_bytes: int = 32 * MIB
    processes: int = 32
    output_bytes: int = 64 * 1024


class Job(Struct, frozen=True):
    """A command and the tree that it runs in.

    tree: the files by relative posix path.
    command: its first word is PYTHON or a program's path. It runs in the tree's root.
    aside: files that the command may read and not write, outside the tree: `name` lies at `ASIDE/name`.
    stdin: what the command reads there. report: whether descriptor 3 is open for it to write a report to.
    """

    tree: dict[str, bytes]
    command: tuple[str, ...]
    limits: Limits = Limits()
    aside: dict[str, bytes] = {}
    stdin: bytes = b""
    report: bool = False


# Where the tree and the files beside it lie, as the command sees them.
TREE = "/work"
ASIDE = "/aside"


class Outcome(Struct, frozen=True):
    """How a job ended.

    exit_code: None where the command was killed; minus the signal's number where a signal ended it.
    output: standard output and error as they came. truncated: some of it is left out.
    timed_out: wall_s was up. killed_for: the limit that it was killed for, `wall` among them: wall, cpu, memory,
        processes or output; None where it ended by itself.
    cpu_s: all processes together; None where it could not be read. queued_s: how long it waited for its turn.
    waited_s: how long its processes stood ready to run and had no processor; None where the system does not tell.
    own_cpu_s: what the sandbox itself took, to be built and to watch.
    report: what came through descriptor 3.
    """

    exit_code: int | None
    output: bytes
    truncated: bool
    timed_out: bool
    killed_for: str | None
    wall_s: float
    cpu_s: float | None
    queued_s: float
    waited_s: float | None = None
    own_cpu_s: float = 0.0
    report: bytes = b""

    @property
    def starved(self) -> bool:
        """Whether it ran into its wall-clock limit for want of a processor: that says nothing of the code.

        Code that keeps itself waiting, with more processes than there are processors, gets those processors' time.
        """
        if not self.timed_out or self.waited_s is None or self.cpu_s is None:
            return False
        return self.waited_s > self.wall_s / 2 and self.cpu_s < self.wall_s / 2


class Usage(Struct, frozen=True):
    """What sandboxes have taken so far: runs that ended, their processors' time, and how long they stood in line.

    cpu_s: of the commands and the sandboxes around them, where it is known. unsafe: whether they were none, but plain
        processes.
    """

    runs: int = 0
    cpu_s: float = 0.0
    queued_s: float = 0.0
    unsafe: bool = False
