"""TLS as bytes: hellos, answers and handshakes, which the standard library cannot or will not make."""
