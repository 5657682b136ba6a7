"""AWS: EBS, S3, KMS and what faces the internet, of any number of accounts and regions, by list, get and describe
calls only.
"""

from operator import attrgetter

from providers.aws.settings import AwsSettings, ambient, wrong_together
from providers.system import System

SYSTEM = System(
    name="aws",
    settings=AwsSettings,
    open="providers.aws.discovery:open_aws",
    policy="providers.aws.calls:printed",
    opt_ins=("role", "tag", "object_sample", "inventory", "who"),
    instead="a profile, a role_arn or the environment",
    ambient=ambient,
    environment=(
        *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION"),
        *("AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN"),
        *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    ),
    check=wrong_together,
    shared_by=attrgetter("connection"),
)
