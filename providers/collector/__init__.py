"""The collector: a process of its own that asks every source on its cadence, keeps the model, and sends what moved
as frames.
"""
