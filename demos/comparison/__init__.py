"""The same days in a container's life under eight kinds of PID 1. Data flows one way:

peers      a scenario's programs -> the files and the command line by which each peer runs them
stage      one container under one peer: starts it, and observes it from outside
scenarios  one file for each: what runs, what is observed, what is counted
play       scenarios x peers -> results; a cell says what hangs, fails or is missing
show       results -> text, Markdown, a chart for each scenario, docs/explanation/comparison.md
"""
