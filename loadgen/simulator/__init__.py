"""An OpenAI-compatible server with a model of an inference engine, and a scripted one with fixed timing and no model.

`server.serve` is what `loadgen simulate` runs; `batching.simulate` is the engine in virtual time, without HTTP;
`process` starts either server as a child. Nothing here is shared with the client that is measured against it.
"""
