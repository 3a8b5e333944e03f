"""Where published recordings lie that this project does not ship; tests that want them are skipped without them."""

import os
from pathlib import Path

SHARED = Path(os.environ.get("LOADGEN_SHARED_TRACES", Path(__file__).parents[3] / "shared" / "traces"))
