"""How often, how long, with what outcome: counters that cost a request a third of a microsecond.

`layout` says which number stands where, `slots` is the file it stands in, `meter` counts, `scrape`
adds up all processes and speaks Prometheus.
"""
