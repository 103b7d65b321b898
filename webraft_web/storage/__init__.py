"""Where a server keeps what it must not forget: the promise (`base`) and those who give it."""
