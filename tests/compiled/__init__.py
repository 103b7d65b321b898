"""The compiled wheels: that they are compiled, and do to the letter what the pure one does, only faster."""
