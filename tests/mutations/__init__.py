"""Deliberate bugs, each of which the tests must notice: what the tests are worth."""
