"""The terminal: how the dashboard lives in it, draws to it, and copies through it."""
