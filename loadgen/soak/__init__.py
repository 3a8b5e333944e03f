"""The soak: the same probes of a target again and again, for days, and everything that came of them in the history.

    schedule   which probe is due when, and what became of those of before       time        the soak's own clock
    prompts    what is sent                                                      sending     one request, measured
    cache, output, tools, latency   each kind of probe, from requests to measures
    runner     starts what is due, keeps what has ended, stops in order          progress    lines for who watches
    exposition what Prometheus scrapes                                           command     `loadgen soak`

Few requests at a time, so no Locust: one process with one event loop, our own transport, and a thread that writes.
"""
