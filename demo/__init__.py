"""The demo, a to-do board shared between tabs, and the tools that build and serve it."""
