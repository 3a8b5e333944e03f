"""Where results go: every output reads the run from the summary's typed models and computes nothing of its own.

run_folder    the one place that writes files        console   live lines and the final table
summary_json  summary.json and its JSON Schema       hlog      HdrHistogram logs
html          report.html                            markdown  report.md, for a pull request
junit         junit.xml, for a CI server             report    all three, of a run or of its folder
prometheus    what a scrape returns, and metrics.prom
"""
