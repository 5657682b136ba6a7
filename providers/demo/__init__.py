"""Simulated tenants: local servers that speak the providers' real protocols, so that enctop can be tried and tested
without an account.

One stand-in a module: `moto` is AWS (its `repairs`, `answers` and `faults` beside it). Vault, TLS, Azure and Google get
a module each, with the same three words: `start(port)` gives a server, `configuration(url)` what the collector needs to
know, and `world` what is found there. Everything listens on loopback only. Needs the extra `enctop[demo]`.
"""
