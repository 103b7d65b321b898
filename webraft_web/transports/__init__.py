"""What carries text between addresses: the promise (`base`) and those who give it. No word of Raft."""
