"""Where results go: every output reads the run from the summary's typed models and computes nothing of its own.

    run_folder    the one place that writes files        console   live lines and the final table
    summary_json  summary.json and its JSON Schema       hlog      HdrHistogram logs

An HTML and a Markdown report, JUnit and Prometheus each have their place here as a module of that name: a function
of the Summary (Prometheus: of the Aggregate), written through the run folder.
"""
