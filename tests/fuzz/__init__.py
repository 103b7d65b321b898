"""Hostile input: what comes from outside is made up, bent and stepped, and nothing may break.

A target takes its decisions from bytes, so that fuzzing guided by coverage
(`python3 tests fuzz`), property-based tests (`tests/unit/fuzz`) and replays all
try the same code.
"""
