"""What the security page itself says, and whether it may."""
