"""`python -m stack.tied PARENT COMMAND...`: becomes the command, which then ends with its parent, however that ends.

For programs that are not ours and know nothing of it: Locust and Prometheus.
"""

import os
import sys

from loadgen.lifeline import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
