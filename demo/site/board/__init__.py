"""A to-do board shared by the tabs of a browser: everything but the painting."""
