"""Resource policies with their true reach: whom a key policy lets in, and what a bucket policy is by AWS's own words of
"public".

The words are those of the S3 User Guide, The meaning of "public", and of the API reference of
PublicAccessBlockConfiguration: a policy is public unless it grants access only to fixed values (no wildcard, no policy
variable) of a principal, aws:SourceArn, aws:SourceAccount, aws:PrincipalOrgID and their like.
"""

import json
from typing import Any

import pytest

from posture.controls.aws.iam_policy import PolicyError, open_to_everyone, statements
from posture.verdict import Status
from tests.posture.controls.world import World, key

OWN = {
    "Sid": "Own",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
    "Action": "kms:*",
    "Resource": "*",
}
ORG = "o-a1b2c3d4e5"
OTHERS = ["0*", "1*", "2*", "3*", "4*", "5*", "6*", "7*", "8*", "9*"]


def allow(condition: dict[str, Any] | None = None, **elements: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*", **elements}
    return statement if condition is None else {**statement, "Condition": condition}


def without(name: str, **elements: Any) -> dict[str, Any]:
    return {**{key: value for key, value in allow().items() if key != name}, **elements}


EVERYONE, ANYBODY_UNDER, SOMEBODY, NO_POLICY = "fail", "warn", "pass", "unknown"
"""Anybody at all; anybody who comes in a certain way, or whom nobody can tell; only those who are named; no policy
that IAM would take.
"""

KEY_POLICIES: dict[str, tuple[str, Any]] = {
    "everyone": (EVERYONE, allow()),
    "everyone without a map": (EVERYONE, allow(Principal="*")),
    "everyone beside an account": (EVERYONE, allow(Principal={"AWS": ["arn:aws:iam::111122223333:root", "*"]})),
    "everyone who is federated": (EVERYONE, allow(Principal={"Federated": "*"})),
    "every service": (EVERYONE, allow(Principal={"Service": "*"})),
    "every canonical user": (EVERYONE, allow(Principal={"CanonicalUser": "*"})),
    "every account's root": (EVERYONE, allow(Principal={"AWS": "arn:aws:iam::*:root"})),
    "all but one": (EVERYONE, without("Principal", NotPrincipal={"AWS": "arn:aws:iam::999988887777:root"})),
    "an empty condition": (EVERYONE, allow({})),
    "every organization": (ANYBODY_UNDER, allow({"StringLike": {"aws:PrincipalOrgID": "o-*"}})),
    "every organization of some letters": (
        ANYBODY_UNDER,
        allow({"StringLike": {"aws:PrincipalOrgID": "o-a?b2c3d4e5"}}),
    ),
    "every organization's paths": (
        ANYBODY_UNDER,
        allow({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*/*"}}),
    ),
    "the paths of organizations that begin alike": (
        ANYBODY_UNDER,
        allow({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": f"{ORG}*/r-ab12/*"}}),
    ),
    "a short organization": (ANYBODY_UNDER, allow({"StringEquals": {"aws:PrincipalOrgID": "o-abc"}})),
    "accounts that begin with 1": (ANYBODY_UNDER, allow({"StringLike": {"kms:CallerAccount": "1*"}})),
    "accounts that begin with anything": (ANYBODY_UNDER, allow({"StringLike": {"aws:PrincipalAccount": OTHERS}})),
    "one account or any": (ANYBODY_UNDER, allow({"StringLike": {"aws:PrincipalAccount": ["111122223333", "*"]}})),
    "eleven digits and any": (ANYBODY_UNDER, allow({"StringLike": {"aws:PrincipalAccount": "11112222333?"}})),
    "eleven digits": (ANYBODY_UNDER, allow({"StringEquals": {"aws:PrincipalAccount": "11112222333"}})),
    "digits of another script": (ANYBODY_UNDER, allow({"StringEquals": {"aws:PrincipalAccount": "١١١١٢٢٢٢٣٣٣٣"}})),
    "the variable of the same key": (
        ANYBODY_UNDER,
        allow({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}),
    ),
    "the variable of the calling account": (
        ANYBODY_UNDER,
        allow({"StringEquals": {"kms:CallerAccount": "${kms:CallerAccount}"}}),
    ),
    "the caller's own ARN": (ANYBODY_UNDER, allow({"ArnLike": {"aws:PrincipalArn": "${aws:PrincipalArn}"}})),
    "a star by its variable": (ANYBODY_UNDER, allow({"StringLike": {"aws:PrincipalOrgID": "${*}"}})),
    "a variable for the account in an ARN": (
        ANYBODY_UNDER,
        allow({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:role/*"}}),
    ),
    "any bucket": (ANYBODY_UNDER, allow({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}})),
    "any bucket that begins with a": (ANYBODY_UNDER, allow({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::a*"}})),
    "anything that begins with a": (ANYBODY_UNDER, allow({"StringLike": {"aws:PrincipalArn": "a*"}})),
    "an ARN whose first word is wild": (
        ANYBODY_UNDER,
        allow({"ArnLike": {"aws:PrincipalArn": "ar?:aws:iam::111122223333:role/x"}}),
    ),
    "a role of that name anywhere": (
        ANYBODY_UNDER,
        allow({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}}),
    ),
    "digits that a star before them may push aside": (
        ANYBODY_UNDER,
        allow({"StringLike": {"aws:SourceArn": "arn:aws:logs:*:111122223333:*"}}),
    ),
    "no account in sight": (ANYBODY_UNDER, allow({"StringLike": {"aws:PrincipalArn": "*"}})),
    "a service of AWS": (ANYBODY_UNDER, allow({"StringEquals": {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}})),
    "anybody but one account": (ANYBODY_UNDER, allow({"StringNotEquals": {"kms:CallerAccount": "999988887777"}})),
    "an organization if the key is there": (
        ANYBODY_UNDER,
        allow({"StringEqualsIfExists": {"aws:PrincipalOrgID": ORG}}),
    ),
    "all values of a key that may be absent": (
        ANYBODY_UNDER,
        allow({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": ORG}}),
    ),
    "the key is there": (ANYBODY_UNDER, allow({"Null": {"aws:PrincipalOrgID": "false"}})),
    "the whole internet": (ANYBODY_UNDER, allow({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}})),
    "a network": (ANYBODY_UNDER, allow({"StringEquals": {"aws:SourceVpc": "vpc-0a1b2c3d"}})),
    "any session of anybody": (ANYBODY_UNDER, allow({"StringLike": {"aws:userid": "*:session"}})),
    "what the key itself belongs to": (ANYBODY_UNDER, allow({"StringEquals": {"aws:ResourceAccount": "111122223333"}})),
    "an account compared as an ARN": (ANYBODY_UNDER, allow({"ArnLike": {"kms:CallerAccount": "111122223333"}})),
    "no value": (ANYBODY_UNDER, allow({"StringEquals": {"kms:CallerAccount": []}})),
    "everyone, and a Deny for all but an organization": (
        ANYBODY_UNDER,
        [allow(), allow({"StringNotEquals": {"aws:PrincipalOrgID": ORG}}, Effect="Deny")],
    ),
    "everyone, and a Deny for all but every organization": (
        EVERYONE,
        [allow(), allow({"StringNotLike": {"aws:PrincipalOrgID": "o-*"}}, Effect="Deny")],
    ),
    "the sign for Kelvin in a key": (
        ANYBODY_UNDER,
        allow({"StringEquals": {"\u212ams:CallerAccount": "111122223333"}}),
    ),
    "the sign for Kelvin in an operator": (
        ANYBODY_UNDER,
        allow({"StringLi\u212ae": {"kms:CallerAccount": "111122223333"}}),
    ),
    "wide digits": (ANYBODY_UNDER, allow({"StringEquals": {"kms:CallerAccount": "１１１１２２２２３３３３"}})),
    "an account and a blank": (ANYBODY_UNDER, allow({"StringEquals": {"kms:CallerAccount": "111122223333 "}})),
    "an account and a line's end": (ANYBODY_UNDER, allow({"StringEquals": {"kms:CallerAccount": "111122223333\n"}})),
    "an account as a fraction": (ANYBODY_UNDER, allow({"StringEquals": {"kms:CallerAccount": 111122223333.5}})),
    "a key and a blank": (ANYBODY_UNDER, allow({"StringEquals": {"kms:CallerAccount ": "111122223333"}})),
    "an operator and a blank": (ANYBODY_UNDER, allow({"StringEquals ": {"kms:CallerAccount": "111122223333"}})),
    "an organization in capitals": (ANYBODY_UNDER, allow({"StringEquals": {"aws:PrincipalOrgID": "O-A1B2C3D4E5"}})),
    "any value of a negated test": (
        ANYBODY_UNDER,
        allow({"ForAnyValue:StringNotEquals": {"aws:PrincipalOrgPaths": f"{ORG}/*"}}),
    ),
    "two set operators": (ANYBODY_UNDER, allow({"ForAllValues:ForAnyValue:StringEquals": {"aws:PrincipalOrgID": ORG}})),
    "the key is absent, or an organization": (
        ANYBODY_UNDER,
        [allow({"Null": {"aws:PrincipalOrgID": True}}), allow({"StringEquals": {"aws:PrincipalOrgID": ORG}})],
    ),
    "a service of AWS, whoever is behind it": (ANYBODY_UNDER, allow({"Bool": {"aws:PrincipalIsAWSService": "true"}})),
    "grants for AWS's services": (ANYBODY_UNDER, allow({"Bool": {"kms:GrantIsForAWSResource": "true"}})),
    "a tag that anybody can give their own role": (
        ANYBODY_UNDER,
        allow({"StringEquals": {"aws:PrincipalTag/team": "acme"}}),
    ),
    "whoever signed in with a second factor": (ANYBODY_UNDER, allow({"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
    "the account as a binary": (ANYBODY_UNDER, allow({"BinaryEquals": {"kms:CallerAccount": "111122223333"}})),
    "the account as a number": (ANYBODY_UNDER, allow({"NumericEquals": {"aws:PrincipalAccount": 111122223333}})),
    "whoever Google knows": (ANYBODY_UNDER, allow(Principal={"Federated": "accounts.google.com"})),
    "whoever Cognito knows, of any pool": (
        ANYBODY_UNDER,
        allow(
            {"StringLike": {"cognito-identity.amazonaws.com:aud": "us-east-1:*"}},
            Principal={"Federated": "cognito-identity.amazonaws.com"},
        ),
    ),
    "whoever Cognito knows, signed in": (
        ANYBODY_UNDER,
        allow(
            {"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}},
            Principal={"Federated": "cognito-identity.amazonaws.com"},
        ),
    ),
    "everyone, and a Deny for all but a role": (
        ANYBODY_UNDER,
        [allow(), without("Principal", Effect="Deny", NotPrincipal={"AWS": "arn:aws:iam::111122223333:role/x"})],
    ),
    "everyone, and a Deny for nobody": (EVERYONE, [allow(), without("Principal", Effect="Deny", NotPrincipal="*")]),
    "everyone, and a Deny of something else": (
        EVERYONE,
        [allow(), allow({"StringNotEquals": {"aws:PrincipalOrgID": ORG}}, Effect="Deny", Action="ec2:*")],
    ),
    "everyone, and a Deny of a part": (
        EVERYONE,
        [
            allow(),
            allow(
                {"StringNotEquals": {"aws:PrincipalOrgID": ORG}}, Effect="Deny", Action=["kms:Decrypt", "kms:Encrypt"]
            ),
        ],
    ),
    "everyone may one thing, and it is denied to all but an organization": (
        ANYBODY_UNDER,
        [
            allow(Action="kms:Decrypt"),
            allow({"StringNotEquals": {"aws:PrincipalOrgID": ORG}}, Effect="Deny", Action=["kms:D*"]),
        ],
    ),
    "all but one action for everyone": (EVERYONE, without("Action", NotAction="kms:ScheduleKeyDeletion")),
    "all but everyone": (EVERYONE, without("Principal", NotPrincipal={"AWS": "*"})),
    "one application of Google's": (
        SOMEBODY,
        allow(
            {"StringEquals": {"accounts.google.com:aud": "1234-abcd.apps.googleusercontent.com"}},
            Principal={"Federated": "accounts.google.com"},
        ),
    ),
    "one pool of Cognito's": (
        SOMEBODY,
        allow(
            {"StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:0a1b2c3d-0000-4000-8000-000000000000"}},
            Principal={"Federated": "cognito-identity.amazonaws.com"},
        ),
    ),
    "an account's own identity provider": (
        SOMEBODY,
        allow(Principal={"Federated": "arn:aws:iam::111122223333:oidc-provider/idp.example.com"}),
    ),
    "an account's SAML": (
        SOMEBODY,
        allow(Principal={"Federated": "arn:aws-us-gov:iam::111122223333:saml-provider/acme"}),
    ),
    "an account with a key beside it that is not ASCII": (
        SOMEBODY,
        allow({"StringEquals": {"aws:PrincipalAccount": "111122223333", "aws:PrincipalTag/größe": "m"}}),
    ),
    "any path of an organization, of several": (
        SOMEBODY,
        allow({"forAnyValue:stringLike": {"aws:principalorgpaths": [f"{ORG}/*", "o-zzzzzzzzzzzz/r-ab12/*"]}}),
    ),
    "who has the organization, and not a guest": (
        SOMEBODY,
        allow(
            {
                "StringEquals": {"aws:PrincipalOrgID": ORG},
                "StringNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/guest"},
            }
        ),
    ),
    "an operator without its set": (NO_POLICY, allow({":StringEquals": {"kms:CallerAccount": "111122223333"}})),
    "nobody but nobody": (NO_POLICY, without("Principal", NotPrincipal=[])),
    "what AWS writes for EBS": (
        SOMEBODY,
        allow({"StringEquals": {"kms:CallerAccount": "111122223333", "kms:ViaService": "ec2.us-east-1.amazonaws.com"}}),
    ),
    "an account": (SOMEBODY, allow({"StringEquals": {"aws:PrincipalAccount": "111122223333"}})),
    "an account as a number": (SOMEBODY, allow({"StringEquals": {"kms:calleraccount": 111122223333}})),
    "two accounts": (SOMEBODY, allow({"stringlike": {"AWS:PRINCIPALACCOUNT": ["111122223333", "999988887777"]}})),
    "an organization": (SOMEBODY, allow({"StringEquals": {"aws:PrincipalOrgID": ORG}})),
    "a unit of an organization": (
        SOMEBODY,
        allow({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": f"{ORG}/r-ab12/ou-ab12-11111111/*"}}),
    ),
    "roles of an account": (SOMEBODY, allow({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}})),
    "a user's own roles in an account": (
        SOMEBODY,
        allow({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/${aws:username}"}}),
    ),
    "logs of an account in any region": (
        SOMEBODY,
        allow({"ArnLike": {"aws:SourceArn": "arn:aws:logs:*:111122223333:log-group:*"}}),
    ),
    "a bucket": (SOMEBODY, allow({"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::acme-logs"}})),
    "an account, weakly spelled beside it": (
        SOMEBODY,
        allow({"StringEquals": {"aws:SourceAccount": "111122223333"}, "StringLike": {"aws:userid": "*"}}),
    ),
    "another account": (SOMEBODY, allow(Principal={"AWS": "arn:aws:iam::999988887777:root"})),
    "a service": (SOMEBODY, allow(Principal={"Service": "logs.us-east-1.amazonaws.com"})),
    "a Deny": (SOMEBODY, allow(Effect="Deny")),
    "an element in another case": (NO_POLICY, without("Principal", principal="*")),
    "an effect in another case": (NO_POLICY, allow(Effect="allow")),
    "an element nobody knows": (NO_POLICY, allow(Conditions={"StringEquals": {"kms:CallerAccount": "111122223333"}})),
    "a principal of a kind nobody knows": (NO_POLICY, allow(Principal={"aws": "*"})),
    "a principal that is a number": (NO_POLICY, allow(Principal={"AWS": 111122223333})),
    "both principals": (NO_POLICY, allow(NotPrincipal={"AWS": "arn:aws:iam::999988887777:root"})),
    "a condition that is null": (NO_POLICY, {**allow(), "Condition": None}),
    "a value that is an object": (NO_POLICY, allow({"StringEquals": {"kms:CallerAccount": {"x": "111122223333"}}})),
    "a key twice in two cases": (
        NO_POLICY,
        allow({"StringLike": {"kms:CallerAccount": "*", "KMS:CallerAccount": "111122223333"}}),
    ),
    "an operator twice in two cases": (
        NO_POLICY,
        allow({"StringLike": {"kms:CallerAccount": "111122223333"}, "stringlike": {"kms:CallerAccount": "*"}}),
    ),
}


@pytest.mark.parametrize("name", KEY_POLICIES)
def test_a_key_policy_is_judged_by_its_true_reach(name: str) -> None:
    reach, more = KEY_POLICIES[name]
    text = json.dumps({"Version": "2012-10-17", "Statement": [OWN, *(more if isinstance(more, list) else [more])]})
    assert World().ask("aws.kms.key-public", key(Policy=text)).status.word == reach


OPEN = '"Effect": "Allow", "Action": "kms:*", "Resource": "*"'


@pytest.mark.parametrize(
    "text",
    [
        '{"Statement": [{OPEN, "Principal": "*", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]}',
        '{"Statement": [{OPEN, "Principal": {"AWS": "*", "AWS": "arn:aws:iam::111122223333:root"}}]}',
        '{"Statement": [{OPEN, "Principal": "*"}], "Statement": []}',
        '{"Statement": [{OPEN, "Principal": "*", "Effect": "Deny"}]}',
        (
            '{"Statement": [{OPEN, "Principal": "*", "Condition": {}, "Condition": {"StringEquals":'
            ' {"kms:CallerAccount": "111122223333"}}}]}'
        ),
        (
            '{"Statement": [{OPEN, "Principal": "*", "Condition": {"StringEquals": {"kms:CallerAccount": "x",'
            ' "kms:CallerAccount": "111122223333"}}}]}'
        ),
        '{"statement": [{OPEN, "Principal": "*"}], "Statement": []}',
        '{"Statement": NaN}',
        "[" * 20_000,
        '{"Statement": null}',
        '{"Statement": []} {}',
    ],
)
def test_a_policy_that_two_readers_would_read_differently_is_unknown(text: str) -> None:
    assert World().ask("aws.kms.key-public", key(Policy=text.replace("OPEN", OPEN))).status is Status.UNKNOWN


def s3(condition: dict[str, Any] | None = None, **elements: Any) -> dict[str, Any]:
    return allow(
        condition,
        Action="s3:GetObject",
        Resource="arn:aws:s3:::b-1/*",
        Principal=elements.pop("Principal", "*"),
        **elements,
    )


PUBLIC, FIXED = "public", "fixed"
# Name -> (AWS's word, how far we read it to reach, the statement). Where AWS calls a policy public we must never read
# that it names somebody.
BUCKET_POLICIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "everyone": (PUBLIC, EVERYONE, s3()),
    "everyone as AWS": (PUBLIC, EVERYONE, s3(Principal={"AWS": "*"})),
    "everyone in a list": (PUBLIC, EVERYONE, s3(Principal={"AWS": ["*"]})),
    "everyone beside a role": (PUBLIC, EVERYONE, s3(Principal={"AWS": ["arn:aws:iam::111122223333:role/a", "*"]})),
    "all but one": (
        PUBLIC,
        EVERYONE,
        {
            **{k: v for k, v in s3().items() if k != "Principal"},
            "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:root"},
        },
    ),
    "list and get": (PUBLIC, EVERYONE, {**s3(), "Action": ["s3:Get*", "s3:List*"]}),
    "only over TLS": (PUBLIC, ANYBODY_UNDER, s3({"Bool": {"aws:SecureTransport": "true"}})),
    "only with a referer": (PUBLIC, ANYBODY_UNDER, s3({"StringLike": {"aws:Referer": "https://acme.example/*"}})),
    "a wild VPC": (PUBLIC, ANYBODY_UNDER, s3({"StringLike": {"aws:SourceVpc": "vpc-*"}})),
    "a wild endpoint": (PUBLIC, ANYBODY_UNDER, s3({"StringLike": {"aws:SourceVpce": "*"}})),
    "a very broad range": (PUBLIC, ANYBODY_UNDER, s3({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}})),
    "every address": (PUBLIC, ANYBODY_UNDER, s3({"IpAddress": {"aws:SourceIp": ["0.0.0.0/0", "::/0"]}})),
    "any source ARN": (PUBLIC, ANYBODY_UNDER, s3({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}})),
    "any account": (PUBLIC, ANYBODY_UNDER, s3({"StringLike": {"aws:SourceAccount": "*"}})),
    "some accounts by a star": (PUBLIC, ANYBODY_UNDER, s3({"StringLike": {"aws:PrincipalAccount": "1*"}})),
    "a variable": (PUBLIC, ANYBODY_UNDER, s3({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}})),
    "a variable for the user": (PUBLIC, ANYBODY_UNDER, s3({"StringEquals": {"aws:userid": "${aws:userid}"}})),
    "any organization": (PUBLIC, ANYBODY_UNDER, s3({"StringLike": {"aws:PrincipalOrgID": "o-*"}})),
    "one fixed and one wild value": (
        PUBLIC,
        ANYBODY_UNDER,
        s3({"StringLike": {"aws:SourceAccount": ["111122223333", "*"]}}),
    ),
    "a role id and any session": (PUBLIC, ANYBODY_UNDER, s3({"StringLike": {"aws:userid": "AROAEXAMPLEID1234567:*"}})),
    "not one VPC": (PUBLIC, ANYBODY_UNDER, s3({"StringNotEquals": {"aws:SourceVpc": "vpc-0a1b2c3d"}})),
    "not one account": (PUBLIC, ANYBODY_UNDER, s3({"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}})),
    "any role of that name": (
        PUBLIC,
        ANYBODY_UNDER,
        s3({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/reader"}}),
    ),
    "a prefix": (PUBLIC, ANYBODY_UNDER, s3({"StringEquals": {"s3:prefix": "public/"}})),
    "a date": (PUBLIC, ANYBODY_UNDER, s3({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}})),
    "an account": (FIXED, SOMEBODY, s3(Principal={"AWS": "arn:aws:iam::999988887777:root"})),
    "an account by its number": (FIXED, SOMEBODY, s3(Principal={"AWS": "999988887777"})),
    "a role": (FIXED, SOMEBODY, s3(Principal={"AWS": "arn:aws:iam::111122223333:role/reader"})),
    "a service": (FIXED, SOMEBODY, s3(Principal={"Service": "logging.s3.amazonaws.com"})),
    "a canonical user": (
        FIXED,
        SOMEBODY,
        s3(Principal={"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}),
    ),
    "a fixed account": (FIXED, SOMEBODY, s3({"StringEquals": {"aws:SourceAccount": "111122223333"}})),
    "a fixed owner": (FIXED, SOMEBODY, s3({"StringEquals": {"aws:SourceOwner": "111122223333"}})),
    "a fixed source ARN": (
        FIXED,
        SOMEBODY,
        s3({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:111122223333:topic"}}),
    ),
    "a fixed organization": (FIXED, SOMEBODY, s3({"StringEquals": {"aws:PrincipalOrgID": ORG}})),
    "a fixed caller": (FIXED, SOMEBODY, s3({"StringEquals": {"aws:PrincipalAccount": "111122223333"}})),
    # AWS also takes a fixed network for nobody in general. It says from where and not who: here that is weak.
    "a fixed VPC": (FIXED, ANYBODY_UNDER, s3({"StringEquals": {"aws:SourceVpc": "vpc-91237329"}})),
    "a fixed endpoint": (FIXED, ANYBODY_UNDER, s3({"StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}})),
    "a small range": (FIXED, ANYBODY_UNDER, s3({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})),
    "a fixed user id": (FIXED, ANYBODY_UNDER, s3({"StringEquals": {"aws:userid": "AIDAEXAMPLEID12345678"}})),
    "a fixed access point's account": (
        FIXED,
        ANYBODY_UNDER,
        s3({"StringEquals": {"s3:DataAccessPointAccount": "111122223333"}}),
    ),
    "a Deny": (FIXED, SOMEBODY, s3(Effect="Deny")),
}


@pytest.mark.parametrize("name", BUCKET_POLICIES)
def test_a_bucket_policy_is_never_read_as_narrower_than_aws_says(name: str) -> None:
    word, reach, statement = BUCKET_POLICIES[name]
    wide, weak = open_to_everyone(statements(json.dumps({"Version": "2012-10-17", "Statement": statement})))
    assert (EVERYONE if wide else ANYBODY_UNDER if weak else SOMEBODY) == reach
    assert word == FIXED or reach != SOMEBODY


def test_there_are_as_many_policies_as_were_asked_for() -> None:
    assert len(KEY_POLICIES) >= 45
    assert len(BUCKET_POLICIES) >= 40


@pytest.mark.parametrize("text", [None, 5, [], {}, b"{}", True])
def test_what_is_no_text_is_no_policy(text: object) -> None:
    with pytest.raises(PolicyError):
        statements(text)
