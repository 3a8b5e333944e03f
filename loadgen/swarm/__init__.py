"""The room of Locust: spreading the load over workers, and bringing their numbers together.

The only package that imports locust or gevent. A worker's greenlets never touch the engine's thread but by posting
to it (design, section 4).
"""
