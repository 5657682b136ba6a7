"""Who may do what: roles as RBAC has them, and the two self reviews (authorization.k8s.io/v1)."""

import fnmatch
from typing import Any

import msgspec

from providers.demo.kubernetes.answers import Asked
from providers.demo.kubernetes.kinds import KINDS, Kind

Json = dict[str, Any]
SELF = frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews"})
"""What every authenticated user may create (system:basic-user)."""


class Binding(msgspec.Struct, frozen=True):
    """Rules of a role, for users of this glob, in one namespace or in all ("")."""

    rules: tuple[Json, ...]
    user: str
    namespace: str


class Access:
    """The bindings in force; without any, every authenticated user may do everything."""

    def __init__(self) -> None:
        self.bindings: list[Binding] = []
        self.incomplete = False
        """The rules review cannot tell all, as where a webhook authorizes (EKS, GKE, AKS with Azure RBAC)."""

    def bind(self, role: Json, user: str = "*", namespace: str = "") -> None:
        """Grant what a ClusterRole or Role grants; `namespace` as a RoleBinding does."""
        self.bindings.append(Binding(tuple(role["rules"]), user, namespace))

    def clear(self) -> None:
        """Everybody may do everything."""
        self.bindings.clear()
        self.incomplete = False

    def allows(self, asked: Asked) -> bool:
        """Whether a binding grants it."""
        kind = asked.kind
        if not self.bindings or kind is None or kind.plural in SELF:
            return True
        return any(
            fnmatch.fnmatchcase(asked.user, binding.user)
            and binding.namespace in ("", asked.namespace)
            and any(_grants(rule, asked, kind) for rule in binding.rules)
            for binding in self.bindings
        )

    def rules(self, user: str, namespace: str) -> Json:
        """What a user may do in a namespace, as the status of a rules review tells it."""
        granted = [
            rule
            for binding in self.bindings
            if fnmatch.fnmatchcase(user, binding.user) and binding.namespace in ("", namespace)
            for rule in binding.rules
        ]
        basic = {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": sorted(SELF)}
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        status: Json = {"resourceRules": [basic, *granted] if self.bindings else [everything], "nonResourceRules": []}
        why = {"evaluationError": "webhook authorizer does not support user rule resolution"}
        return {**status, "incomplete": self.incomplete, **(why if self.incomplete else {})}


def _grants(rule: Json, asked: Asked, kind: Kind) -> bool:
    resource = f"{kind.plural}/{asked.subresource}" if asked.subresource else kind.plural
    return (
        any(each in ("*", asked.verb) for each in rule["verbs"])
        and any(each in ("*", kind.group) for each in rule.get("apiGroups", ()))
        and any(each in ("*", resource) for each in rule.get("resources", ()))
        and (not rule.get("resourceNames") or asked.name in rule["resourceNames"])
    )


class Spec(msgspec.Struct, rename="camel"):
    """What a review is about."""

    namespace: str = ""
    resource_attributes: dict[str, str] | None = None
    non_resource_attributes: dict[str, str] | None = None


class Review(msgspec.Struct, rename="camel"):
    """A SelfSubjectAccessReview or SelfSubjectRulesReview, as it is sent."""

    spec: Spec
    api_version: str = ""
    kind: str = ""

    def told(self, status: Json) -> Json:
        """The answer."""
        spec = {name: value for name, value in msgspec.to_builtins(self.spec).items() if value}
        return {"kind": self.kind, "apiVersion": self.api_version, "metadata": {}, "spec": spec, "status": status}

    def asked(self, user: str) -> Asked:
        """The request that an access review asks about."""
        if self.spec.non_resource_attributes is not None:
            attributes = self.spec.non_resource_attributes
            return Asked(attributes.get("verb", ""), attributes.get("path", ""), user=user)
        attributes = self.spec.resource_attributes or {}
        group, plural = attributes.get("group", ""), attributes.get("resource", "")
        known = [kind for kind in KINDS if (kind.group, kind.plural) == (group, plural)]
        return Asked(
            attributes.get("verb", ""),
            "",
            known[0] if known else Kind(group, attributes.get("version", "v1"), plural, plural, True),
            attributes.get("namespace", ""),
            attributes.get("name", ""),
            attributes.get("subresource", ""),
            user=user,
        )
