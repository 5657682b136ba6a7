"""The fault matrix: every fault against every system, over real sockets."""
