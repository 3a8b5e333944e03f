"""report.html: one self-contained file, readable offline, on a phone, in print, in light and dark.

    page         the whole file: order, style, script, library            markup       HTML, escaped by construction
    cells        numbers as people read them, and why one is missing      figure       a plot, its caption and its table
    bins         what happened when: turns in bins of time                curves       percentile curves and histograms

and one module a section. Each section is a function of `Material`; none reads a file or computes a figure that the
summary has.
"""
