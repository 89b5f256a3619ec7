"""The same days in a container's life under eight kinds of PID 1. Data goes one way:

peers      a day's programs -> the files and the command line by which each peer runs them
stage      one container under one peer: starts it, looks at it from outside, removes it
scenarios  one file each: what is run, what is looked at, what is counted
play       scenarios x peers -> results; whatever hangs, fails or is missing is a cell that says so
show       results -> text, Markdown, a chart a scenario, docs/explanation/comparison.md
"""
