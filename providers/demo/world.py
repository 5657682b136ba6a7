"""The simulated tenant acme: two AWS accounts, the second reached by a role."""

ACCOUNT = "123456789012"
"""moto's own: every access key it does not know is of this account."""
SECOND = "210987654321"
ROLE = f"arn:aws:iam::{SECOND}:role/enctop-read"
REGIONS = ("us-east-1", "eu-west-1")
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIASIMULATEDACME000",
    "AWS_SECRET_ACCESS_KEY": "simulated",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
"""What the collector's environment must hold, so that it asks the simulated AWS with simulated credentials and never reads real ones."""


def configuration(url: str) -> str:
    """The collector's configuration for a server at `url`, as TOML."""
    regions = ", ".join(f'"{region}"' for region in REGIONS)
    return f"""\
[[tenant]]
name = "acme"

  [[tenant.aws]]
  regions = [{regions}]
  endpoint_url = "{url}"

  [[tenant.aws]]
  role_arn = "{ROLE}"
  regions = [{regions}]
  endpoint_url = "{url}"

  [tenant.policy]
  keys = "provider-managed"
  strict = true
"""
