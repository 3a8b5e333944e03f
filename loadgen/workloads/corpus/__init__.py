"""Real text to build prompts from, found on every machine that has Python: no download, no lorem ipsum.

`load_corpus` reads it before the load starts; `Corpus` hands out passages while it runs.
"""

from loadgen.workloads.corpus.index import Corpus
from loadgen.workloads.corpus.sources import BUILT_IN, Document, left_out, load_corpus, read_documents

__all__ = ["BUILT_IN", "Corpus", "Document", "left_out", "load_corpus", "read_documents"]
