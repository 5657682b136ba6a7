"""TLS endpoints: a prober of our own, which sends a handshake and `HEAD /` and nothing else, and reports what every
address of a name really offers.
"""
