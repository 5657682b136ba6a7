"""The lab: real TLS servers on loopback, one planted defect each, and beside each what must be found; whatever is
not named must not be.
"""

import ssl
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dh

from posture.verdict import Status
from providers.demo.ports import free_port
from providers.demo.tls import server
from providers.demo.tls.pki import Authority, rsa_intermediate, rsa_key, self_signed
from providers.demo.tls.server import Doors, context_for
from tests.world import tlsservers as servers
from tests.world.tlsdoors import DOMAIN, EVERYTHING, FAIL, NA, NO_TLS, UNKNOWN, WARN, Endpoint
from tests.world.tlsprograms import Programs
from tests.world.tlsservers import Program, Threads, write

OAKLEY_2 = int(  # RFC 2409 6.2: 1024 bits
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245"
    "E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)
MODP_2048 = int(  # RFC 3526 3
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245"
    "E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9"
    "DE2BCBF6955817183995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
OWN_2048 = int(  # made by `openssl dhparam 2048`, for nobody else
    "95A6709C40E87225D54F34B667A69DB8AB04209FD1DA701843E3C49BC00D8F7136C0352DA63F92383DAC2EA750B2E92FE726249733F9C9BC3DE357E2034C472A9F701F03DA117353"
    "16BC4392F8C0791EB5870EB839A7FE5A1458E350782163F8C4E1855B2DCD98594A48085A11E471BB5C85B5CF7834A7DD1872022EEA185DAE9C7D261B520AD67E4B5A811D52B83240"
    "5E74133483B93C54C53D7085C26E0CC1D35A40AC851BFB9DBD66BDDBD3E42E4F7F2B344ED217CF17E996491F38F64D18DA7B3BD5500D822EF3CF47E14620A3972ED3F53EEB28A174"
    "E1BF2AE550F437A9C8D8191DD6132998358FF4483B1D5F9D00C84A6FDF0956526A78A1D6252CB627",
    16,
)
_BROKEN = {"tls.modern-client": FAIL, "tls.protocol-modern": WARN, "tls.hsts": UNKNOWN, "tls.cipher-weak": FAIL}
_OLD = {"tls.modern-client": FAIL, "tls.protocol-modern": FAIL, "tls.protocol-legacy": FAIL, "tls.hsts": UNKNOWN}


class Lab(Programs):
    """Every server of the lab, running. `missing` names the programs that are not installed, and so the doors that
    are not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.endpoints: list[Endpoint] = []
        self.missing: list[str] = []
        self.doors = Doors()
        self.threads = Threads()
        self.programs: list[Program] = []
        self._lists: dict[str, bytes] = {}
        self.http_port = self.doors.open(None, self._in_clear)
        self.public = Authority("Lab Public", f"http://127.0.0.1:{self.http_port}/lab.crl")
        self.private = Authority("Lab Private")
        self.roots = write(folder, "roots.pem", self.public.root.pem)
        self._clean()
        self._versions()
        self._suites()
        self._groups()
        self._certificates()
        self._names()
        self._weak_certificates()
        self._dates()
        self._revocation()
        self._http()
        self._certificates_of_clients()
        self._silent()
        self.open_programs()
        self._lists["/lab.crl"] = self.public.crl()

    def _clean(self) -> None:
        self.open("good")
        self.open("good-rsa", context_for(self.rsa("good-rsa")))
        self.open("good-13-only", context_for(self.leaf("good-13-only"), lowest=ssl.TLSVersion.TLSv1_3))
        self.open("good-wildcard", context_for(self.public.issue(f"*.{DOMAIN}")))
        self.open("good-47-days-14-left", context_for(self.leaf("good-47-days-14-left", days=47, left=14)))
        self.open(
            "good-6-days", context_for(self.leaf("good-6-days", days=6, left=4, crl=False)), {"tls.revocation": NA}
        )
        address = context_for(self.public.issue("127.0.0.1", "::1"))
        self.add("good-address", self.doors.open(address), host="127.0.0.1", expected={"tls.http-redirect": WARN})
        self.add(
            "good-hybrid",
            self.threads.listen(servers.hybrid(self.leaf("good-hybrid"), self.folder)),
            {"tls.pq-group": Status.PASS},
        )

    def _versions(self) -> None:
        old = "ECDHE+AES:RSA+AES:@SECLEVEL=0"
        v10, v11, v12 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2
        suites = {"tls.forward-secrecy": WARN}
        self.open("tls12-only", context_for(self.leaf("tls12-only"), highest=v12), {"tls.protocol-modern": WARN})
        for name, version in (("tls11-only", v11), ("tls10-only", v10)):
            context = context_for(self.rsa(name), lowest=version, highest=version, ciphers=old)
            self.open(
                name, context, {**_OLD, **suites}, {"tls.protocol-legacy": "TLSv1.1" if version is v11 else "TLSv1.0"}
            )
        context = context_for(self.rsa("tls10-to-13"), lowest=v10, ciphers=f"ECDHE+AESGCM:{old}")
        self.open(
            "tls10-to-13",
            context,
            {"tls.protocol-legacy": FAIL, **suites},
            {"tls.protocol-legacy": "TLSv1.1 and TLSv1.0"},
        )
        for name, versions, ciphers, expected, words in (
            (
                "sslv3",
                ((3, 0), (3, 0)),
                ["aes128", "aes256"],
                {**_OLD, "tls.forward-secrecy": WARN},
                {"tls.protocol-legacy": "SSLv3"},
            ),
            ("rc4", ((3, 3), (3, 3)), ["rc4"], _BROKEN, {"tls.cipher-weak": "RC4"}),
            ("3des", ((3, 3), (3, 3)), ["3des"], _BROKEN, {"tls.cipher-weak": "3DES"}),
        ):
            pair = self.public.issue(f"{name}.{DOMAIN}", key=rsa_key(2048))
            self.add(name, self.threads.listen(servers.tlslite(pair, versions, ciphers)), expected, words)

    def _suites(self) -> None:
        v12 = ssl.TLSVersion.TLSv1_2
        context = context_for(self.leaf("anonymous"), ciphers="ECDHE+AESGCM:AECDH:@SECLEVEL=0")
        self.open("anonymous", context, {"tls.cipher-weak": FAIL}, {"tls.cipher-weak": "anon"})
        context = context_for(self.rsa("null"), ciphers="ECDHE+AESGCM:NULL-SHA256:@SECLEVEL=0")
        self.open("null", context, {"tls.cipher-weak": FAIL}, {"tls.cipher-weak": "NULL"})
        expected = {"tls.modern-client": FAIL, "tls.protocol-modern": WARN, "tls.hsts": UNKNOWN}
        context = context_for(self.rsa("static-rsa-only"), highest=v12, ciphers="kRSA+AES:@SECLEVEL=0")
        self.open(
            "static-rsa-only",
            context,
            {**expected, "tls.forward-secrecy": FAIL},
            {"tls.forward-secrecy": "nothing but static RSA"},
        )
        context = context_for(self.rsa("static-rsa-too"), ciphers="ECDHE+AESGCM:kRSA+AESGCM")
        self.open(
            "static-rsa-too",
            context,
            {"tls.forward-secrecy": WARN},
            {"tls.forward-secrecy": "static RSA is accepted too"},
        )
        context = context_for(self.leaf("cbc-only"), highest=v12, ciphers="ECDHE+AES:!AESGCM:!AESCCM")
        self.open(
            "cbc-only", context, {**expected, "tls.forward-secrecy": WARN}, {"tls.forward-secrecy": "nothing better"}
        )
        context = context_for(self.leaf("cbc-too"), ciphers="ECDHE+AESGCM:ECDHE+AES")
        self.open("cbc-too", context, {"tls.forward-secrecy": WARN}, {"tls.forward-secrecy": "CBC is accepted too"})

    def _groups(self) -> None:
        for name, prime, found_, words in (
            ("dh-1024", OAKLEY_2, {"tls.dh-params": FAIL}, {"tls.dh-params": "1024"}),
            (
                "dh-2048-common",
                MODP_2048,
                {"tls.dh-params": WARN},
                {"tls.dh-params": "many servers share, RFC 3526 group 14"},
            ),
            ("good-dh-2048", OWN_2048, {}, {}),
        ):
            context = context_for(self.rsa(name), ciphers="ECDHE+AESGCM:DHE+AESGCM:@SECLEVEL=0")
            numbers = dh.DHParameterNumbers(prime, 2).parameters()
            body = numbers.parameter_bytes(serialization.Encoding.PEM, serialization.ParameterFormat.PKCS3)
            context.load_dh_params(str(write(self.folder, f"{name}.dh", body)))
            self.open(name, context, found_, words)

    def _certificates(self) -> None:
        trust = {"tls.chain-trust": FAIL, "tls.revocation": UNKNOWN}
        self.open(
            "self-signed", context_for(self_signed(f"self-signed.{DOMAIN}")), trust, {"tls.chain-trust": "self-signed"}
        )
        stranger = Authority("Stranger")
        self.open(
            "unknown-issuer",
            context_for(stranger.issue(f"unknown-issuer.{DOMAIN}")),
            trust,
            {"tls.chain-trust": "Stranger Root is not trusted"},
        )
        alone = self.leaf("missing-intermediate")
        words = {"tls.chain-trust": "Lab Public Issuing CA 1 was not sent"}
        self.open("missing-intermediate", context_for(alone, chain=alone.pem), trust, words)
        whole = self.leaf("root-sent")
        context = context_for(whole, chain=whole.chain_pem + self.public.root.pem)
        self.open("root-sent", context, {"tls.chain-trust": WARN}, {"tls.chain-trust": "needlessly"})
        over = self.public.other_intermediate("Lab Public Retired CA", days=300, begins=-400)
        context = context_for(self.public.issue(f"intermediate-expired.{DOMAIN}", by=over, crl=False))
        self.open("intermediate-expired", context, trust, {"tls.chain-trust": "Lab Public Retired CA is out of date"})

    def _names(self) -> None:
        self.open(
            "wrong-host",
            context_for(self.public.issue(f"other.{DOMAIN}")),
            {"tls.hostname": FAIL},
            {"tls.hostname": f"names other.{DOMAIN}"},
        )
        self.open(
            "no-names",
            context_for(self.public.issue(common_name=f"no-names.{DOMAIN}")),
            {"tls.hostname": FAIL},
            {"tls.hostname": "names nobody"},
        )
        context = context_for(self.public.issue(f"*.{DOMAIN}"))
        self.add("deep.wildcard", self.doors.open(context), {"tls.hostname": FAIL})

    def _weak_certificates(self) -> None:
        weak = context_for(self.leaf("good", key=rsa_key(2048)), ciphers="ECDHE+AESGCM:@SECLEVEL=0")
        server.load(weak, self.leaf("rsa-1024", key=rsa_key(1024)))
        self.open("rsa-1024", weak, {"tls.key-strength": FAIL}, {"tls.key-strength": "RSA 1024"})
        by = rsa_intermediate(self.public, "Lab Public RSA CA")
        weak = context_for(self.rsa("good"), ciphers="ECDHE+AESGCM:@SECLEVEL=0")
        server.load(weak, self.public.issue(f"sha1.{DOMAIN}", key=rsa_key(2048), by=by, sha1=True, crl=False))
        self.open(
            "sha1",
            weak,
            {"tls.signature": FAIL, "tls.chain-trust": FAIL, "tls.revocation": UNKNOWN},
            {"tls.signature": "SHA-1", "tls.chain-trust": "(68)"},
        )

    def _dates(self) -> None:
        for name, days, left, expected, word in (
            ("expired", 90, -3, FAIL, "expired 3 d ago"),
            ("not-yet-valid", 90, 92, FAIL, "not valid before"),
            ("5-days-left", 90, 5, FAIL, "5 d left of 90 d"),
            ("17-days-left", 90, 17, WARN, "17 d left of 90 d"),
            ("200-days-13-left", 200, 13, FAIL, "13 d left of 200 d"),
            ("6-days-1-left", 6, 1, WARN, "left of 6 d"),
        ):
            context = context_for(self.leaf(name, days=days, left=left))
            self.open(
                name,
                context,
                {"tls.cert-expiry": expected, **({"tls.revocation": NA} if days < 7 else {})},
                {"tls.cert-expiry": word},
            )
        context = context_for(self.public.issue(f"another.{DOMAIN}", left=-3))
        self.open("expired-and-misnamed", context, {"tls.cert-expiry": FAIL, "tls.hostname": FAIL})
        self.open(
            "398-days",
            context_for(self.leaf("398-days", days=398, left=390)),
            {"tls.cert-lifetime": WARN},
            {"tls.cert-lifetime": "398 d, 200 are"},
        )
        port = self.doors.open(context_for(self.public.issue(f"stale-replica.{DOMAIN}")))
        self.doors.open(
            context_for(self.public.issue(f"stale-replica.{DOMAIN}", left=-1)), addresses=("127.0.0.2",), port=port
        )
        replica = {"tls.cert-expiry": FAIL, "tls.cert-change": WARN, "tls.http-redirect": Status.PASS}
        self.add(
            "stale-replica",
            port,
            replica,
            {"tls.cert-expiry": "127.0.0.2: expired"},
            addresses=("127.0.0.1", "127.0.0.2"),
        )

    def _revocation(self) -> None:
        taken = self.leaf("revoked-crl")
        self.public.revoke(taken)
        self.open(
            "revoked-crl",
            context_for(taken),
            {"tls.revocation": FAIL},
            {"tls.revocation": "keyCompromise), says the crl"},
        )
        self.open(
            "no-crl",
            context_for(self.leaf("no-crl", crl=False)),
            {"tls.revocation": UNKNOWN},
            {"tls.revocation": "names no CRL"},
        )
        self.open(
            "must-staple",
            context_for(self.leaf("must-staple", must_staple=True)),
            {"tls.must-staple": FAIL},
            {"tls.must-staple": "does not"},
        )
        context = context_for(self.leaf("must-staple-13-only", must_staple=True), lowest=ssl.TLSVersion.TLSv1_3)
        self.open("must-staple-13-only", context, {"tls.must-staple": FAIL}, {"tls.must-staple": "does not"})
        for name, path, expected, word in (
            ("crl-stale", "/stale.crl", WARN, "out of date"),
            ("crl-gone", "/gone.crl", UNKNOWN, "HTTP 404"),
        ):
            url, self.public.crl_url = self.public.crl_url, f"http://127.0.0.1:{self.http_port}{path}"
            self.open(name, None, {"tls.revocation": expected}, {"tls.revocation": word})
            self.public.crl_url = url
        self._lists["/stale.crl"] = self.public.crl(stale=True)

    def _http(self) -> None:
        for name, says in (
            ("no-hsts", server.answer()),
            ("short-hsts", server.answer(Strict_Transport_Security="max-age=300")),
        ):
            self.add(name, self.doors.open(context_for(self.leaf(name)), says), {"tls.hsts": WARN})
        self.open("serves-in-clear", None, {"tls.http-redirect": FAIL}, {"tls.http-redirect": "content is served"})
        self.open("redirects-in-clear", None, {"tls.http-redirect": FAIL}, {"tls.http-redirect": "redirects in clear"})
        self.open("redirects-302", None, {"tls.http-redirect": WARN}, {"tls.http-redirect": "302"})
        self.open("redirects-elsewhere", None, {"tls.http-redirect": WARN}, {"tls.http-redirect": "another host"})

    def _in_clear(self, request: str, host: str) -> bytes:
        path = request.split(" ")[1] if request.count(" ") >= 2 else "/"
        if path.endswith(".crl"):
            body = self._lists.get(path)
            return (
                server.answer("404 Not Found")("", "")
                if body is None
                else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )
        name = host.partition(":")[0]
        places = {
            "redirects-in-clear": "http://elsewhere.example/",
            "redirects-elsewhere": "https://elsewhere.example/",
        }
        label = name.removesuffix(f".{DOMAIN}")
        if label == "serves-in-clear":
            return server.answer()("", "")
        status = "302 Found" if label in ("redirects-302", "127.0.0.1") else "301 Moved Permanently"
        return server.answer(status, Location=places.get(label, f"https://{name}/"))("", "")

    def _certificates_of_clients(self) -> None:
        for name, version in (("mtls-12", ssl.TLSVersion.TLSv1_2), ("mtls-13", ssl.TLSVersion.TLSv1_3)):
            context = context_for(self.leaf(name), lowest=version, highest=version)
            context.load_verify_locations(self.roots)
            context.verify_mode = ssl.CERT_REQUIRED
            expected = {
                "tls.modern-client": NA,
                "tls.hsts": NA,
                **({"tls.protocol-modern": WARN} if name == "mtls-12" else {}),
            }
            self.add(
                name,
                self.threads.listen(servers.blocking(context)),
                expected,
                {"tls.modern-client": "client certificate"},
            )

    def _silent(self) -> None:
        self.add("plaintext", self.doors.open(None, server.answer()), NO_TLS)
        self.add("plaintext-patient", self.threads.listen(_patient_http), NO_TLS)
        self.add("ssh", self.threads.listen(servers.says(b"SSH-2.0-OpenSSH_9.2p1\r\n", first=True)), NO_TLS)
        self.add("garbage", self.threads.listen(servers.says(bytes(range(200, 255)) * 40)), NO_TLS)
        self.add("refused", free_port(), EVERYTHING, {"tls.reachable": "refused"})
        self.add("reset", self.threads.listen(servers.reset), EVERYTHING, {"tls.reachable": "reset"})
        self.add("silent", self.threads.listen(servers.silent), EVERYTHING, {"tls.reachable": "timeout"})
        self.add("closes", self.threads.listen(servers.says()), EVERYTHING, {"tls.reachable": "closed"})
        self.add(
            "drips",
            self.threads.listen(servers.drip(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")),
            EVERYTHING,
            {"tls.reachable": "timeout"},
        )
        hello = _server_hello()
        self.add(
            "garbage-after-hello",
            self.threads.listen(servers.says(hello, bytes(range(200, 255)) * 9)),
            EVERYTHING,
            {"tls.reachable": "garbled"},
        )
        self.add(
            "oversized-record", self.threads.listen(servers.says(b"\x16\x03\x03\xff\xff" + b"x" * 65535)), EVERYTHING
        )
        self.add("truncated", self.threads.listen(servers.says(hello[:30])), EVERYTHING)
        self.add(
            "endless",
            self.threads.listen(servers.says(hello, *[b"\x16\x03\x03\x40\x00" + b"\x0b\x01\xf0\x00" * 4096] * 40)),
            EVERYTHING,
        )
        self.add("nowhere", 443, EVERYTHING, {"tls.reachable": "dns"}, host="nowhere.invalid")


def _server_hello() -> bytes:
    """A proper ServerHello of TLS 1.2, and nothing after it."""
    body = b"\x03\x03" + b"r" * 32 + b"\x00" + b"\xc0\x2f" + b"\x00"
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message


def _patient_http(connection: object) -> None:
    """Waits for the end of a line before it says anything, as http.server does."""
    import socket

    assert isinstance(connection, socket.socket)
    data = b""
    while b"\r\n" not in data:
        more = connection.recv(4096)
        if not more:
            return
        data += more
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
