"""Whose key protects a resource: as the provider said, or as the key it points at says."""

from posture.context import Context
from posture.resource import KeyClass, Resource

DESCRIBE_KEY = "kms:DescribeKey"


def key_class(resource: Resource, context: Context) -> KeyClass:
    """The key class of a resource. Where its provider could not know, the key it points at decides; UNKNOWN where
    that was not seen.
    """
    if resource.encryption is None:
        return KeyClass.UNKNOWN
    said = resource.encryption.key_class
    return key_holder(resource, context) if said is KeyClass.UNKNOWN else said


def key_holder(resource: Resource, context: Context) -> KeyClass:
    """The class that the key `resource` points at confers on it: a customer's key of an account that is neither its
    own nor listed is foreign.
    """
    return conferred(context.linked(resource, "key"), resource, context)


def conferred(key: Resource | None, resource: Resource, context: Context) -> KeyClass:
    """As `key_holder`, for one of several keys that a resource points at; UNKNOWN where that was not seen."""
    if key is None or key.encryption is None or DESCRIBE_KEY in key.faults:
        return KeyClass.UNKNOWN
    confers = key.encryption.key_class
    if confers is KeyClass.CUSTOMER and key.scope != resource.scope and key.scope not in context.policy.key_accounts:
        return KeyClass.CUSTOMER_FOREIGN
    return confers
