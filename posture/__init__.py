"""What was seen, and whether it is as promised: pure, with no network, no SDK and no screen."""
