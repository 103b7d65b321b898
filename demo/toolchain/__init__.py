"""What the demo and the tests need before they can start: a wheel, Pyodide, and a server for both.

Everything is made under `.cache/` in the working copy, and made again only
when its sources or lock files have changed.
"""
