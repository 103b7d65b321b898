"""A deterministic simulator of whole clusters: `python3 tests simulate --seed N`.

Virtual time, and seeded chance for everything; the driver, the codec, the
journal and the document are the real ones, only network, disk and clock are not.

- `world`: time, processes that crash and freeze, and the trace of what happened;
- `network`, `disk`: what loses, delays and forgets;
- `site`: servers that tabs run, one after another and sometimes two at once;
- `peers`: servers behind webraft's API, which found, meet, leave and return;
- `clients`: who write and read, and record what they saw;
- `faults`: what goes wrong, and when;
- `properties`: what must hold all the same;
- `simulation`: one run, from its seed to its verdict; `command` runs many.
"""
