"""The accounts of the simulated AWS, and how the collector gets in."""

ACCOUNT = "123456789012"
"""moto's own: every access key it does not know is of this account."""
SECOND = "210987654321"
ROLE = f"arn:aws:iam::{SECOND}:role/enctop-read"
"""How to get into the second account; moto asks nothing of who assumes it."""
FOREIGN = "999988887777"
"""Somebody else's: its keys cannot be described."""
REGIONS = ("us-east-1", "eu-west-1")
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIASIMULATEDACME000",
    "AWS_SECRET_ACCESS_KEY": "simulated",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
"""What the collector's environment must hold, so that it asks the simulated AWS with simulated credentials and never
reads real ones.
"""
