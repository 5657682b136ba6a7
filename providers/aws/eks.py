"""EKS clusters: is what the API server keeps encrypted, and under whose key."""

import contextlib
import re
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.asking import each_again
from providers.aws.calls import DESCRIBE_CLUSTER, LIST_CLUSTERS
from providers.aws.ebs import key_arn
from providers.aws.source import AwsSource, ill_typed
from providers.lane import lost
from providers.source import Yield

TOKEN = ("nextToken", "nextToken")
PAGE = 100
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""What a cluster may be called (EKS API reference, CreateCluster)."""
_KEPT = ("name", "arn", "status", "version", "platformVersion", "encryptionConfig", "health", "createdAt", "tags")
"""Of a cluster; the rest is its network and its certificates."""
_TYPES = {"version": str, "status": str, "encryptionConfig": list}


class Clusters(AwsSource):
    """EKS clusters of one account and region, each described by itself: a listing has names only."""

    service = "eks"
    calls = (LIST_CLUSTERS, DESCRIBE_CLUSTER)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """List, then describe each; a cluster that is gone meanwhile is left out."""
        started, names, odd = time.monotonic(), list[str](), None
        self.seen.begin(self.id)
        async for page in self.account.pages(LIST_CLUSTERS, self.region, "clusters", TOKEN, maxResults=PAGE):
            for name in page:
                if isinstance(name, str) and NAME.fullmatch(name):
                    names.append(name)
                else:
                    odd = Fault(FaultKind.ERROR, "UnreadableRow", LIST_CLUSTERS.operation, "a name that none can have")
        unread: list[Resource] = []
        async with contextlib.aclosing(each_again(names, self._read, lambda answer: not answer[1])) as clusters:
            async for cluster, answered in clusters:
                if cluster is None:
                    continue
                if not answered:
                    unread.append(cluster)
                    continue
                for fault in _unread(cluster):
                    yield ReadRefused(fault)
                yield Batch((cluster,))
        silence = self.account.lane(DESCRIBE_CLUSTER, self.region).silent_since(started)
        for cluster in unread:
            yield ReadRefused(cluster.faults[DESCRIBE_CLUSTER.operation])
            yield Batch((cluster,)) if silence is None else NotRead((cluster,))
        if silence is not None:
            raise silence
        if odd is not None:
            yield ReadRefused(odd)
            return
        self.seen.listed(self.id)
        yield Complete(("aws.eks.cluster",))

    async def _read(self, name: str) -> tuple[Resource | None, bool]:
        """A cluster, None where it is gone; and whether the question was answered, if only by a refusal."""
        try:
            told = (await self.account.ask(DESCRIBE_CLUSTER, self.region, name=name)).get("cluster")
            if not isinstance(told, dict) or told.get("name", name) != name:
                raise Refused(
                    Fault(
                        FaultKind.ERROR,
                        "UnreadableAnswer",
                        DESCRIBE_CLUSTER.operation,
                        f"an answer that does not speak of {name}",
                    )
                )
        except Refused as refused:
            if refused.fault.code == "ResourceNotFoundException":
                return None, True
            await self.account.confirm(refused)
            return self._cluster(name, {"name": name}, {DESCRIBE_CLUSTER.operation: refused.fault}), not lost(refused)
        return self._cluster(name, {field: told[field] for field in _KEPT if field in told}, {}), True

    def _cluster(self, name: str, fields: Mapping[str, Any], faults: Mapping[str, Fault]) -> Resource:
        arn, encryption = self._key(fields), Encryption()
        links: tuple[Link, ...] = ()
        if arn is not None:
            self.seen.name(self.id, arn)
            encryption, links = Encryption(True, "AES-256", KeyClass.UNKNOWN, arn), (Link("key", arn),)
        tags = fields.get("tags")
        marks = tags.items() if isinstance(tags, dict) else ()
        return self.resource(
            id=self.account.arn("eks", self.region, f"cluster/{name}"),
            kind="cluster",
            type="aws.eks.cluster",
            name=name,
            fields=fields,
            encryption=encryption,
            links=links,
            faults=faults,
            cells=("?" if faults else "no key" if arn is None else "KMS key",),
            tenant=self.tenancy.of((str(key), str(value)) for key, value in marks),
        )

    def _key(self, fields: Mapping[str, Any]) -> str | None:
        """The key of its secrets; None where none is named, or in a way that cannot be read."""
        configured = fields.get("encryptionConfig")
        for one in configured if isinstance(configured, list) else ():
            provider = one.get("provider") if isinstance(one, dict) else None
            key = provider.get("keyArn") if isinstance(provider, dict) else None
            if isinstance(key, str) and key:
                return key_arn(self, key, self.region)
        return None


def _unread(cluster: Resource) -> list[Fault]:
    """What was refused of it, and what was answered in another shape than EKS documents."""
    odd = ill_typed(DESCRIBE_CLUSTER, cluster.fields, _TYPES)
    return [*cluster.faults.values(), *([odd] if odd else ())]
