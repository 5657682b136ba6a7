"""One way into AWS: who we are there, the clients, the budgets, and the two ways of asking."""

import re
import ssl
import threading
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import boto3
import botocore.loaders
import botocore.session
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    DeferredRefreshableCredentials,
    ReadOnlyCredentials,
    RefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.httpsession import get_cert_path
from botocore.parsers import ResponseParserError
from botocore.response import StreamingBody
from yarl import URL

from posture.fault import Fault, FaultKind, Refused
from providers.aws.calls import BUDGETS, GET_CALLER_IDENTITY, Call
from providers.aws.decode import UnreadablePage, read_answers
from providers.aws.faults import answered, plain, refused
from providers.aws.s3_answers import LOADER, AnswerReader, bucket_url, error_of, reader_of
from providers.aws.settings import AwsSettings
from providers.aws.transport import LateAnswer, Transport, in_thread, read_body, secrets_of, this_call
from providers.lane import Lane, Lanes, lost
from providers.limits import USUAL, Limits, Pages, TooLongError, proxy_for, read_all
from providers.refusals import without
from providers.source import TALLY

CONNECTIONS = 16
"""Connections that a client keeps."""
MOST_HOMES = 3
"""Regions that are tried for what belongs to no region."""
MOST_SETTING = 4 << 20
"""Bytes of a bucket's setting; a policy has at most 20 KiB."""
MOST_FILE = 256 << 20
"""Bytes of a file of an inventory report, as it is stored."""
MOST_PAGES = 2_000
"""Of one listing: two million rows, if EC2 gives as many as it is asked for."""

_SDK_ERRORS = (BotoCoreError, ClientError, ResponseParserError, UnreadablePage, LateAnswer, TooLongError, OSError)
# What botocore's parsers raise for a body of another shape than its model.
_MISREAD = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws", ".api.amazonwebservices.com.cn")
"""How AWS's own hosts end; others know paths only, and no account before their name."""
_making = threading.Lock()


class PlaintextEndpoint(BotoCoreError):  # type: ignore[misc]
    """The environment or the profile names an endpoint that would be asked in the clear."""

    fmt = "plain http to {host} is refused; use https, or allow_plaintext = true"


class AwsClient:
    """Asks one account, in any region. `number` and `partition` are known after `whoami`. Raises botocore's
    `BotoCoreError`.
    """

    def __init__(self, settings: AwsSettings, version: str, limits: Limits = USUAL) -> None:
        self.settings, self.limits = settings, limits
        self.number = ""
        self.partition = "aws"
        self._core = botocore.session.Session(profile=settings.profile)
        self._core.register_component("data_loader", LOADER)  # a loader each costs 30 MB and 0.3 s a session
        self._core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=lambda text: text)
        self._session = boto3.Session(botocore_session=self._core)
        self._config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},  # the lane retries; two layers of it would multiply
            max_pool_connections=CONNECTIONS,
            connect_timeout=limits.connect,
            read_timeout=limits.read,
            user_agent_extra=f"enctop/{version}",
            s3={"addressing_style": "path"} if settings.endpoint_url else {},
            parameter_validation=False,
        )
        self.home = self._homes[0]
        """The region asked for what belongs to no region: the first configured that answers, else the profile's,
        else us-east-1.
        """
        self._assumed = False
        self._clients: dict[tuple[str, str], Any] = {}
        self._lanes = Lanes(BUDGETS, limits)
        self._transports: list[Transport] = []
        self._renewing: Transport | None = None
        """The way to STS: a client is made for each renewal of a role's credentials."""
        self._http: aiohttp.ClientSession | None = None
        self._proxy: str | None = None

    @property
    def _homes(self) -> tuple[str, ...]:
        regions = self.settings.regions
        if isinstance(regions, tuple) and regions:
            return regions[:MOST_HOMES]
        return (self.own_region or "us-east-1",)

    @property
    def own_region(self) -> str | None:
        """The region of the profile or the environment, None where neither names one."""
        return cast("str | None", self._session.region_name)

    def arn(self, service: str, region: str, resource: str, account: str | None = None) -> str:
        """An ARN of this account's partition; `account` "" for those that carry none."""
        return f"arn:{self.partition}:{service}:{region}:{self.number if account is None else account}:{resource}"

    async def ask(self, call: Call, region: str, **parameters: Any) -> dict[str, Any]:
        """Make one declared call through boto3, in its lane; a `Body` is read. Raises `Refused`."""

        async def attempt() -> dict[str, Any]:
            TALLY.get().calls += 1
            return await in_thread(self.limits.whole, self._blocking, call, region, parameters)

        return await self.lane(call, region).run(attempt)

    async def pages(
        self, call: Call, region: str, answers: str, token: tuple[str, str], **parameters: Any
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The pages of a listing: the lists under `answers`. `token` names the continuation in the answer and in the
        request. Raises `Refused`.

        A listing that leads back to a page, or gives the same rows under ever new tokens, is ended by an error.
        """
        out, back = token
        more: dict[str, Any] = {}
        pages, begun = Pages(call.operation, min(MOST_PAGES, self.limits.most_pages)), set[int]()
        while True:
            page = await self.ask(call, region, **parameters, **more)
            rows = page.get(answers)
            if rows is None and call.root:  # in XML an empty list may be left out, in JSON none is
                rows = []
            if not isinstance(rows, list):
                raise _unreadable(call, f"an answer without {answers}")
            if rows and (first := hash(repr(rows[0]))) in begun:
                raise Refused(
                    Fault(FaultKind.ERROR, "LoopingListing", call.operation, "a page begins as an earlier one did")
                )
            if rows:
                begun.add(first)
            yield rows
            following = page.get(out)
            if following in (None, ""):
                return
            if not isinstance(following, str):
                raise _unreadable(call, f"{out} is not text")
            pages.follow(following)
            more = {back: following}

    async def read_bucket(self, call: Call, bucket: str, region: str) -> Any:
        """One GET of a bucket's sub-resource, decoded by its output shape: the payload, or the whole structure where it
        has none. Raises `Refused`.

        boto3 spends 0.84 ms of CPU on such a call and there are three for each of thousands of buckets; credentials,
        endpoint, model and signature are botocore's here too, but the request goes out through aiohttp, at about a
        third of that (tests/bench).
        """

        async def attempt() -> Any:
            TALLY.get().calls += 1
            return await self._get(call, bucket, region)

        return await self.lane(call, region).run(attempt)

    def lane(self, call: Call, region: str) -> Lane:
        """The budget a call draws on: one for each account, region and family."""
        return self._lanes.of(call.family, region)

    async def whoami(self) -> None:
        """Learn `number` and `partition`, and move `home` to the first region that answers: one that is down hides
        itself, and not the account.

        Raises `Refused`.
        """
        for region in self._homes:
            try:
                who = await self.ask(GET_CALLER_IDENTITY, region)
            except Refused as refused:
                if not lost(refused) or region == self._homes[-1]:
                    raise
                continue
            number, arn = who.get("Account"), str(who.get("Arn")).split(":")
            if (
                not isinstance(number, str)
                or not re.fullmatch(r"[0-9]{12}", number)
                or len(arn) < 6
                or not re.fullmatch(r"aws[a-z-]*", arn[1])
            ):
                raise _unreadable(GET_CALLER_IDENTITY, "an answer without account and ARN")
            self.home, self.number, self.partition = region, number, arn[1]
            return

    async def confirm(self, suspected: Refused) -> None:
        """Raise a refusal of our credentials where they are refused altogether, or that cannot be told; return where it
        is about what was asked for.

        A region that is not switched on, and S3 in one that the session's token does not reach, spell it like bad
        credentials.
        """
        if suspected.fault.kind is not FaultKind.EXPIRED:
            return
        try:
            await self.ask(GET_CALLER_IDENTITY, self.home)
        except Refused:
            raise suspected from None

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()
        for held in (*self._clients.values(), *self._transports):
            held.close()

    # ------------------------------------------------------------ boto3, in threads

    def _blocking(self, call: Call, region: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = cast("dict[str, Any]", getattr(self._client(call.service, region), call.method)(**parameters))
            if isinstance(body := answer.get("Body"), StreamingBody):
                # in the call's turn, thread and translation of errors
                answer["Body"] = read_body(body._raw_stream, "", MOST_FILE)
            return answer
        except _SDK_ERRORS as error:
            raise refused(LateAnswer(self.limits.whole) if this_call().late else error, call) from None
        except _MISREAD as error:
            raise _unreadable(call, f"not of the shape that was asked for: {plain(error)}") from None

    def _client(self, service: str, region: str) -> Any:
        key = (service, region)
        with _making:  # sessions are not thread-safe; clients are
            found = self._clients.get(key)
            if found is None:
                if self.settings.role_arn and not self._assumed:
                    self._assume(self.settings.role_arn)
                found = self._clients[key] = self._make(service, region)
            return found

    def _make(self, service: str, region: str) -> Any:
        config = self._config
        client = self._session.client(
            service, region_name=region, endpoint_url=self.settings.endpoint_url, config=config
        )
        endpoint = str(client.meta.endpoint_url)  # which the environment or the profile may have set
        if self.settings.refuses(endpoint):
            client.close()
            raise PlaintextEndpoint(host=urlsplit(endpoint).hostname)
        elsewhere = not (urlsplit(endpoint).hostname or "").endswith(_AWS)
        if service == "s3" and elsewhere and not self.settings.endpoint_url:
            client = self._session.client(
                service, region_name=region, config=config.merge(Config(s3={"addressing_style": "path"}))
            )
        self._bound(client)
        read_answers(client)
        if service == "s3":
            client.meta.events.register("before-call.s3.HeadBucket", _answer_unasked)
        if service == "s3control" and elsewhere:
            client.meta.events.register("before-sign.s3-control.*", partial(_host_without_account, endpoint))
        return client

    def _bound(self, client: Any, transport: Transport | None = None) -> Transport:
        """Have a client's requests travel by this `Transport`, or by a new one, which is closed with the account."""
        if transport is None:
            transport = Transport(
                str(client.meta.endpoint_url),
                self._core.get_config_variable("ca_bundle"),
                self.limits,
                CONNECTIONS,
            )
            self._transports.append(transport)
        client.meta.events.register("before-send", transport.answer)
        return transport

    def _sts(self, *arguments: Any, **named: Any) -> Any:
        named |= {"endpoint_url": self.settings.endpoint_url, "config": self._config, "region_name": self.home}
        client = self._core.create_client(*arguments, **named)
        self._renewing = self._bound(client, self._renewing)
        return client

    def _assume(self, role: str) -> None:
        """Ask with a role's credentials from here on; botocore renews them before they expire."""
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._sts,
            source_credentials=self._core.get_credentials() or _no_credentials(),
            role_arn=role,
            extra_args={
                "RoleSessionName": "enctop",
                **({"ExternalId": self.settings.external_id} if self.settings.external_id else {}),
            },
        )
        session = botocore.session.Session(profile=self.settings.profile)
        for component in ("data_loader", "response_parser_factory"):
            session.register_component(component, self._core.get_component(component))
        # the way botocore's own providers hand them on
        session._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
        self._session = boto3.Session(botocore_session=session)
        self._assumed = True

    # ------------------------------------------------------------ signed GETs, in the loop

    async def _get(self, call: Call, bucket: str, region: str, *, redirected: bool = False) -> Any:
        if self._ready(region):
            reader, base, credentials = self._prepared(call, region)
        else:
            reader, base, credentials = await in_thread(self.limits.whole, self._prepared, call, region)
        request = AWSRequest("GET", bucket_url(base, bucket, reader.query))
        S3SigV4Auth(credentials, "s3", region).add_auth(request)
        headers = {**dict(request.headers.items()), "Accept-Encoding": "identity"}  # what is not packed cannot swell
        try:
            async with self._session_for(base).get(
                URL(request.url, encoded=True), headers=headers, allow_redirects=False, proxy=self._proxy
            ) as response:
                most = min(MOST_SETTING, self.limits.most_bytes)
                body = without(await read_all(response.content.iter_any(), most), *secrets_of(headers))
        except TooLongError as error:
            raise _unreadable(call, str(error)) from None
        except aiohttp.ClientPayloadError as error:
            raise Refused(
                Fault(FaultKind.ERROR, "UnreadableAnswer", call.operation, plain(error)), transient=True
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            again = isinstance(error, aiohttp.ConnectionTimeoutError) or not isinstance(
                error, aiohttp.ClientConnectorError | TimeoutError
            )
            said = plain(error) or f"the answer was not whole after {self.limits.whole:g} s"
            raise Refused(
                Fault(FaultKind.UNREACHABLE, type(error).__name__, call.operation, said), transient=again
            ) from None
        elsewhere = response.headers.get("x-amz-bucket-region", region)
        if response.status in {301, 307, 400} and elsewhere != region and not redirected:
            return await self._get(call, bucket, elsewhere, redirected=True)
        if response.status != 200:
            raise answered(call, response.status, *error_of(body), response.headers)
        try:
            return reader.read(body)
        except UnreadablePage as error:
            raise refused(error, call) from None
        except _MISREAD as error:
            raise _unreadable(call, f"not of the shape that was asked for: {plain(error)}") from None

    def _ready(self, region: str) -> bool:
        """Whether a request can be signed at once, without making a client or asking for new credentials."""
        if ("s3", region) not in self._clients:
            return False
        found = self._session.get_credentials()
        return not (isinstance(found, RefreshableCredentials) and found.refresh_needed())

    def _prepared(self, call: Call, region: str) -> tuple[AnswerReader, str, ReadOnlyCredentials]:
        try:
            client = self._client("s3", region)
            found = self._session.get_credentials()
            if found is None:
                raise NoCredentialsError
            return reader_of(call), str(client.meta.endpoint_url), found.get_frozen_credentials()
        except _SDK_ERRORS as error:
            raise refused(error, call) from None
        except ValueError as error:  # a region that makes no host
            raise Refused(Fault(FaultKind.ERROR, type(error).__name__, call.operation, plain(error))) from None

    def _session_for(self, base: str) -> aiohttp.ClientSession:
        if self._http is None:
            context: ssl.SSLContext | bool = True
            if base.startswith("https:"):
                context = ssl.create_default_context(
                    cafile=get_cert_path(self._core.get_config_variable("ca_bundle") or True)
                )
            # Once, not by aiohttp's trust_env: that reads the environment and ~/.netrc in a thread for every request.
            self._proxy = proxy_for(base)
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=context),
                timeout=aiohttp.ClientTimeout(
                    self.limits.whole, sock_connect=self.limits.connect, sock_read=self.limits.read
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._http


def _host_without_account(endpoint: str, request: Any, **_: Any) -> None:
    """S3 Control puts the account's number before the host, which a local endpoint does not resolve; it stands in a
    header too.
    """
    parts, own = urlsplit(request.url), urlsplit(endpoint)
    request.url = urlunsplit((own.scheme, own.netloc, parts.path, parts.query, ""))


def _answer_unasked(**_: Any) -> tuple[AWSResponse, dict[str, Any]]:
    """Of an error to HeadObject botocore makes a HeadBucket, to learn the bucket's region; we know it."""
    return AWSResponse("", 200, {}, None), {"ResponseMetadata": {"HTTPHeaders": {}}}


def _unreadable(call: Call, why: str) -> Refused:
    return Refused(Fault(FaultKind.ERROR, "UnreadableAnswer", call.operation, why))


def _no_credentials() -> Any:
    raise NoCredentialsError
