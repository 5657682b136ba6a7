"""One room per outside system, and the loop that asks it."""
