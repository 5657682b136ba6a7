"""Configurations with a mistake each, and what is said of it."""

IN_FILE, IN_TENANT, IN_POLL = (
    "allowed here: history, poll, tenant",
    "allowed here: aws, azure, discover, gcp, keycloak, kubernetes, name, policy, tls, vault",
    "allowed here: cold, live, warm",
)


def tenant(text: str = "", name: str = 'name = "acme"') -> str:
    return f"[[tenant]]\n{name}\n{text}\n"


def aws(text: str) -> str:
    return tenant(f"[[tenant.aws]]\n{text}")


def policy(text: str) -> str:
    return tenant(f"[tenant.policy]\n{text}")


def excepting(**changed: str | None) -> str:
    usual: dict[str, str | None] = {
        "control": '"aws.ebs.volume-encrypted"',
        "resource": '"*"',
        "until": "2027-01-31",
        "reason": '"r"',
        "approved_by": '"j.doe"',
    }
    lines = "\n".join(f"{key} = {value}" for key, value in (usual | changed).items() if value is not None)
    return tenant(f"[[tenant.policy.exception]]\n{lines}")


SECRET = "refused, no secret ever stands in this file; use a profile, a role_arn or the environment"


SECRET_OF_VAULT = (
    "refused, no secret ever stands in this file; use token_env, token_file, secret_id_env, secret_id_file, jwt_env or"
    " jwt_file"
)


IN_AWS = (
    "allowed here: allow_plaintext, endpoint_url, external_id, identity_center, inventory, object_sample, profile,"
    " regions, role_arn, tag, who"
)


IN_POLICY = (
    "allowed here: attestation, exception, key_accounts, keys, mfa, overrides, regulated, required_keys,"
    " rotation_max_days, strict, tls, vault"
)


IN_EXCEPTION = "allowed here: approved_by, control, reason, resource, until"


MODES = "allowed here: provider-managed, customer-managed, either, double"


LIST_OF_TABLES = "expected a list of tables; its header stands in double brackets, [[...]]"


NO_DURATION = "is not a duration; write a number and s, m, h or d, as in 60s or 15m"


NO_REGION = 'is not a region name (us-east-1); "all" stands alone, without brackets'


NO_URL = "is not an http or https URL, as in https://HOST:PORT"


WRONG: list[tuple[str, str]] = [
    # unknown keys, at every level
    ("pol = 1", f"pol: unknown key, did you mean poll?; {IN_FILE}"),
    ('"new\\nline" = 1', f"new\\nline: unknown key; {IN_FILE}"),
    ('[poll]\nwarn = "1m"\n' + tenant(), f"poll.warn: unknown key, did you mean warm?; {IN_POLL}"),
    (tenant("azur = 1"), f"tenant[0].azur: unknown key, did you mean azure?; {IN_TENANT}"),
    (tenant() + tenant("polic = 1", 'name = "b"'), f"tenant[1].polic: unknown key, did you mean policy?; {IN_TENANT}"),
    (aws('region = "us-east-1"'), f"tenant[0].aws[0].region: unknown key, did you mean regions?; {IN_AWS}"),
    (aws('endpoint = "https://x"'), f"tenant[0].aws[0].endpoint: unknown key, did you mean endpoint_url?; {IN_AWS}"),
    (policy('key = "either"'), f"tenant[0].policy.key: unknown key, did you mean keys?; {IN_POLICY}"),
    (policy("exceptions = []"), f"tenant[0].policy.exceptions: unknown key, did you mean exception?; {IN_POLICY}"),
    (
        excepting(aproved_by='"x"'),
        f"tenant[0].policy.exception[0].aproved_by: unknown key, did you mean approved_by?; {IN_EXCEPTION}",
    ),
    # missing, twice, none
    (
        "",
        (
            "tenant: there is none; write [[tenant]] with a name and at least one of "
            "[[tenant.aws]], [[tenant.azure]], [[tenant.gcp]], [[tenant.keycloak]], [[tenant.kubernetes]],"
            " [[tenant.tls]], [[tenant.vault]]"
        ),
    ),
    (tenant(name=""), "tenant[0].name: is missing"),
    (tenant() + tenant(), "tenant: the name 'acme' is used twice"),
    (excepting(until=None), "tenant[0].policy.exception[0].until: is missing"),
    (excepting(reason=None), "tenant[0].policy.exception[0].reason: is missing"),
    # wrong types
    ('tenant = "acme"', "tenant: expected a list, got text in quotes"),
    ("tenant = [1]", "tenant[0]: expected a table, got a whole number"),
    ('[tenant]\nname = "acme"', f"tenant: {LIST_OF_TABLES}"),
    (tenant("[tenant.aws]"), f"tenant[0].aws: {LIST_OF_TABLES}"),
    (tenant("[tenant.policy.exception]"), f"tenant[0].policy.exception: {LIST_OF_TABLES}"),
    (tenant("policy = []"), "tenant[0].policy: expected a table, got a list"),
    (tenant(name="name = 1"), "tenant[0].name: expected text in quotes, got a whole number"),
    (aws("profile = true"), "tenant[0].aws[0].profile: expected text in quotes, got true or false"),
    (aws('allow_plaintext = "yes"'), "tenant[0].aws[0].allow_plaintext: expected true or false, got text in quotes"),
    (aws("object_sample = 1.5"), "tenant[0].aws[0].object_sample: expected a whole number, got a number"),
    ("poll = 60", "poll: expected a table, got a whole number"),
    # names
    (
        tenant(name='name = ""'),
        (
            "tenant[0].name: '' is not a tenant's name; letters, digits, dots, dashes and underscores are, except"
            " unassigned"
        ),
    ),
    (
        tenant(name='name = "a+b"'),
        (
            "tenant[0].name: 'a+b' is not a tenant's name; letters, digits, dots, dashes and underscores are, except"
            " unassigned"
        ),
    ),
    (
        tenant(name='name = "unassigned"'),
        (
            "tenant[0].name: 'unassigned' is not a tenant's name; letters, digits, dots, dashes and underscores are,"
            " except unassigned"
        ),
    ),
    # secrets, in any place
    (aws('access_key_id = "x"'), f"tenant[0].aws[0].access_key_id: {SECRET}"),
    (aws('secret_access_key = "x"'), f"tenant[0].aws[0].secret_access_key: {SECRET}"),
    (aws('Aws-Session-Token = "x"'), f"tenant[0].aws[0].Aws-Session-Token: {SECRET}"),
    ('password = "x"', f"password: {SECRET}"),
    (tenant('[tenant.vault]\ntoken = "x"'), f"tenant[0].vault.token: {SECRET_OF_VAULT}"),
    (tenant('[[tenant.vault]]\nsecret_id = "x"'), f"tenant[0].vault[0].secret_id: {SECRET_OF_VAULT}"),
    (
        tenant('[[tenant.gcp]]\nprivate_key = "x"'),
        (
            f"tenant[0].gcp[0].private_key: {SECRET.partition(';')[0]}; use credentials, the path of a file, or the"
            " environment"
        ),
    ),
    # addresses that cannot be read, in every room
    *(
        (
            tenant(f'[[tenant.{room}]]\n{key} = "{url}"{more}'),
            f"tenant[0].{room}[0].{key}: {url!r} is not an http or https URL, as in https://{example}",
        )
        for room, key, more, example in (
            ("vault", "address", "", "vault.acme.example:8200"),
            ("azure", "endpoint", "", "HOST:PORT"),
            ("gcp", "endpoint", '\nproject = "acme-prod"', "HOST:PORT"),
        )
        for url in ("http://127.0.0.1:99999", "https://h:x", "https://h:0", "http://[::1", "HTTPS://[h]x:1")
    ),
    (
        tenant('[[tenant.vault]]\naddress = "https://v"\nnodes = ["https://n:-1"]'),
        "tenant[0].vault[0].nodes: 'https://n:-1' is not an http or https URL, as in https://vault.acme.example:8200",
    ),
    (policy('secret = "x"'), f"tenant[0].policy.secret: {SECRET}"),
    (tenant() + tenant('[[tenant.aws]]\nclient_secret = "x"'), f"tenant[1].aws[0].client_secret: {SECRET}"),
    (aws('profile = "AKIAIOSFODNN7EXAMPLE"'), f"tenant[0].aws[0].profile: this value is a credential: {SECRET}"),
    (
        aws('regions = ["hvs.CAESIJ0123456789abcdefgh"]'),
        f"tenant[0].aws[0].regions[0]: this value is a credential: {SECRET}",
    ),
    (
        aws('endpoint_url = "https://me:hidden@h"'),
        "tenant[0].aws[0].endpoint_url: carries a name or password; no secret ever stands in this file",
    ),
    (
        aws('endpoint_url = "ftp://me:hidden@h"'),
        "tenant[0].aws[0].endpoint_url: carries a name or password; no secret ever stands in this file",
    ),
    # endpoints
    (
        aws('endpoint_url = "http://aws.example:5000"'),
        (
            "tenant[0].aws[0].endpoint_url: plain http to aws.example is refused; use https, or allow_plaintext = true"
            " beside it"
        ),
    ),
    (
        aws('endpoint_url = "http://localhost.example"'),
        (
            "tenant[0].aws[0].endpoint_url: plain http to localhost.example is refused; use https, or allow_plaintext ="
            " true beside it"
        ),
    ),
    (aws('endpoint_url = "ftp://127.0.0.1"'), f"tenant[0].aws[0].endpoint_url: 'ftp://127.0.0.1' {NO_URL}"),
    (aws('endpoint_url = "127.0.0.1:5000"'), f"tenant[0].aws[0].endpoint_url: '127.0.0.1:5000' {NO_URL}"),
    (aws('endpoint_url = ""'), f"tenant[0].aws[0].endpoint_url: '' {NO_URL}"),
    (aws('endpoint_url = "http://[::1"'), f"tenant[0].aws[0].endpoint_url: 'http://[::1' {NO_URL}"),
    (
        aws('endpoint_url = "http://localhost:99999"'),
        f"tenant[0].aws[0].endpoint_url: 'http://localhost:99999' {NO_URL}",
    ),
    # profiles, roles, tags
    (
        aws('profile = "acme-prd"'),
        (
            "tenant[0].aws[0].profile: no profile 'acme-prd' in the AWS configuration, did you mean acme-prod?;"
            " there are acme-prod, acme-test, default, with space"
        ),
    ),
    (aws('profile = ""'), "tenant[0].aws[0].profile: is empty; leave it out for the default chain"),
    (
        aws('role_arn = "admin"'),
        "tenant[0].aws[0].role_arn: 'admin' is not a role's ARN (arn:aws:iam::111122223333:role/NAME)",
    ),
    (aws('external_id = "x"'), "tenant[0].aws[0].external_id: goes with role_arn"),
    (aws('tag = "tenant"'), "tenant[0].aws[0].tag: 'tenant' is not KEY=VALUE, as in \"tenant=acme\""),
    (aws("object_sample = -1"), "tenant[0].aws[0].object_sample: -1 is not between 0 and 100"),
    (
        aws("") + tenant("[[tenant.aws]]", 'name = "beta"'),
        'tenant.aws: acme and beta name the same account; give each a tag of its own, as in tag = "tenant=acme"',
    ),
    # regions
    (
        aws('regions = "us-east-1"'),
        "tenant[0].aws[0].regions: 'us-east-1' is not allowed; allowed here: all, or a list of names",
    ),
    (aws('regions = ["all"]'), f"tenant[0].aws[0].regions: 'all' {NO_REGION}"),
    (aws('regions = ["us-east-1a"]'), f"tenant[0].aws[0].regions: 'us-east-1a' {NO_REGION}"),
    (
        aws("regions = []"),
        'tenant[0].aws[0].regions: is empty; name at least one, write "all", or leave it out for the profile\'s own',
    ),
    (aws("regions = 1"), "tenant[0].aws[0].regions: expected text in quotes or a list, got a whole number"),
    (aws('regions = ["us-east-1", 2]'), "tenant[0].aws[0].regions[1]: expected text in quotes, got a whole number"),
    # durations
    ("[poll]\nlive = 60\n" + tenant(), "poll.live: expected text in quotes, got a whole number"),
    ('[poll]\nlive = "60"\n' + tenant(), f"poll.live: '60' {NO_DURATION}"),
    ('[poll]\ncold = "1 fortnight"\n' + tenant(), f"poll.cold: '1 fortnight' {NO_DURATION}"),
    ('[poll]\nwarm = "-5m"\n' + tenant(), f"poll.warm: '-5m' {NO_DURATION}"),
    ("[history]\ndays = -1\n" + tenant(), "history.days: expected a whole number >= 0"),
    ("[history]\nmax_mb = 1\n" + tenant(), "history.max_mb: expected a whole number >= 16"),
    (
        "[history]\nday = 3\n" + tenant(),
        "history.day: unknown key, did you mean days?; allowed here: days, max_mb, path",
    ),
    ('[poll]\nlive = "0.5s"\n' + tenant(), "poll.live: '0.5s' is shorter than 1s"),
    # policy
    (
        policy('keys = "provider-manged"'),
        f"tenant[0].policy.keys: 'provider-manged' is not allowed, did you mean provider-managed?; {MODES}",
    ),
    (policy('mfa = "maybe"'), "tenant[0].policy.mfa: 'maybe' is not allowed; allowed here: supported, required"),
    (policy("rotation_max_days = 0"), "tenant[0].policy.rotation_max_days: expected a whole number >= 1"),
    (
        policy('overrides = { "aws.s3" = "mine" }'),
        f"tenant[0].policy.overrides.\"aws.s3\": 'mine' is not allowed; {MODES}",
    ),
    (
        policy('overrides = { "aws.s3" = 1 }'),
        'tenant[0].policy.overrides."aws.s3": expected text in quotes, got a whole number',
    ),
    (
        policy('overrides = { "aws.s3.*" = "either" }'),
        (
            "tenant[0].policy.overrides: 'aws.s3.*' is not a control; write its id, or the beginning of ids up to a"
            " dot, as in aws.s3"
        ),
    ),
    (
        policy('overrides = { "aws.s4" = "either" }'),
        "tenant[0].policy.overrides: no control 'aws.s4', did you mean aws.s3?; `enctop controls` lists them",
    ),
    # exceptions
    (excepting(until='"soon"'), "tenant[0].policy.exception[0].until: 'soon' is not a date; write it as 2027-01-31"),
    (
        excepting(until="2027-01-31T10:00:00Z"),
        "tenant[0].policy.exception[0].until: expected a date, got a date with a time; write it as 2027-01-31",
    ),
    (
        excepting(until="10:00:00"),
        "tenant[0].policy.exception[0].until: expected a date, got a time; write it as 2027-01-31",
    ),
    (
        excepting(control='"aws.ebs.volume-encryptd"'),
        (
            "tenant[0].policy.exception[0].control: no control 'aws.ebs.volume-encryptd', did you mean"
            " aws.ebs.volume-encrypted?; `enctop controls` lists them"
        ),
    ),
    (
        excepting(control='"aws.ebs.volume"'),
        (
            "tenant[0].policy.exception[0].control: no control 'aws.ebs.volume', did you mean"
            " aws.ebs.volume-encrypted?; `enctop controls` lists them"
        ),
    ),
    (
        excepting(control='"*"'),
        (
            "tenant[0].policy.exception[0].control: '*' is not a control; write its id, or the beginning of ids up to a"
            " dot, as in aws.s3"
        ),
    ),
    (
        excepting(resource='""'),
        (
            "tenant[0].policy.exception[0].resource: is empty; write a resource's id, or a glob such as"
            " arn:aws:s3:::scratch-*"
        ),
    ),
    (
        aws('regions = ["us-east-1"]') + tenant('[[tenant.aws]]\nregions = ["eu-west-1"]', 'name = "beta"'),
        "tenant.aws: acme and beta reach one account with different regions; name its regions in one block",
    ),
]
