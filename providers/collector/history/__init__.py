"""What enctop saw, kept on disk: the last state for the next start, and what changed since when."""
