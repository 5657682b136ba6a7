"""What the viewer holds: the replica of the model, fed by frames, filtered and ordered."""
