"""The doors of nginx, stunnel and OpenSSL, where those are installed."""

from collections.abc import Iterator, Mapping

from providers.demo.ports import free_port
from tests.world import tlsservers as servers
from tests.world.tlsdoors import EVERYTHING, FAIL, NA, UNKNOWN, WARN, Expected, Openings
from tests.world.tlsservers import Program, found, write

Door = tuple[str, int, Expected, Mapping[str, str]]
"""Name, port, what must be found, and words of the reasons."""


class Programs(Openings):
    """Servers that are programs of their own."""

    def open_programs(self) -> None:
        """Run those that are installed."""
        self._nginx()
        self._stunnel()
        self._openssl()

    def _nginx(self) -> None:
        head = "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20; "
        head += "add_header Strict-Transport-Security 'max-age=63072000' always; return 200;"
        blocks: dict[int, str] = {}
        doors: list[Door] = [*self._stapling(head, blocks), *self._asking_for_certificates(head, blocks)]
        port = free_port()
        blocks[port] = "ssl_reject_handshake on;"  # as the default server of names that are not served
        doors.append(
            ("refuses-all", port, EVERYTHING, {"tls.reachable": "refuses every hello: refused (unrecognized_name)"})
        )
        program = servers.nginx(self.folder, blocks)
        if program is None:
            self.missing.append("nginx")
            return
        self.programs.append(program)
        for door in doors:
            self.add(*door)

    def _stapling(self, head: str, blocks: dict[int, str]) -> Iterator[Door]:
        for name, expected, word, more in (
            ("good-nginx", {}, "", {}),
            ("revoked-staple", {"tls.revocation": FAIL}, "says the staple", {"revoked": True}),
            ("stale-staple", {"tls.revocation": WARN}, "out of date", {"stale": True}),
            ("good-must-staple", {}, "", {}),
            ("revoked-staple-13-only", {"tls.revocation": FAIL}, "says the staple", {"revoked": True}),
            ("good-must-staple-13-only", {}, "", {}),
        ):
            pair = self.leaf(name, must_staple="must-staple" in name, crl=False)
            files = [
                write(self.folder, f"{name}.{end}", body)
                for end, body in (("pem", pair.chain_pem), ("key", pair.key_pem))
            ]
            staple = write(self.folder, f"{name}.ocsp", self.public.staple(pair, **more))
            port = free_port()
            blocks[port] = (
                f"ssl_certificate {files[0]}; ssl_certificate_key {files[1]}; ssl_stapling on; ssl_stapling_file"
                f" {staple}; {_only_13(head, name)}"
            )
            yield name, port, expected, {"tls.revocation": word} if word else {}

    def _asking_for_certificates(self, head: str, blocks: dict[int, str]) -> Iterator[Door]:
        mtls = {"tls.modern-client": NA, "tls.hsts": NA}
        for name, protocols, expected in (
            ("mtls-nginx", "TLSv1.2", {**mtls, "tls.protocol-modern": WARN}),
            # in TLS 1.3 the handshake succeeds, and the refusal is HTTP 400
            ("mtls-nginx-13-too", "TLSv1.2 TLSv1.3", mtls),
            ("mtls-nginx-13-only", "TLSv1.3", mtls),
        ):
            pair, port = self.leaf(name), free_port()
            files = [
                write(self.folder, f"{name}.{end}", body)
                for end, body in (("pem", pair.chain_pem), ("key", pair.key_pem))
            ]
            asked = f"ssl_verify_client on; ssl_client_certificate {self.roots}; {head}".replace(
                "TLSv1.2 TLSv1.3", protocols
            )
            blocks[port] = f"ssl_certificate {files[0]}; ssl_certificate_key {files[1]}; {asked}"
            yield name, port, expected, {}

    def _stunnel(self) -> None:
        program = found("stunnel4", "stunnel")
        if program is None:
            self.missing.append("stunnel")
            return
        pair, port = self.leaf("mtls-stunnel"), free_port()
        files = write(self.folder, "stunnel.pem", pair.chain_pem + pair.key_pem)
        text = (
            f"foreground = yes\npid =\n[one]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{self.http_port}\ncert ="
            f" {files}\nverifyChain = yes\n"
        )
        text += f"requireCert = yes\nCAfile = {self.roots}\nsslVersionMax = TLSv1.2\nciphers = ECDHE+AESGCM\n"
        self.programs.append(Program(program, str(write(self.folder, "stunnel.conf", text.encode())), ready=port))
        self.add("mtls-stunnel", port, {"tls.modern-client": NA, "tls.hsts": NA, "tls.protocol-modern": WARN})

    def _openssl(self) -> None:
        program = found("openssl")
        if program is None:
            self.missing.append("openssl")
            return
        pair, port = self.leaf("openssl"), free_port()
        files = [
            write(self.folder, f"openssl.{end}", body) for end, body in (("pem", pair.chain_pem), ("key", pair.key_pem))
        ]
        command = [
            program,
            "s_server",
            "-accept",
            f"127.0.0.1:{port}",
            "-cert",
            str(files[0]),
            "-cert_chain",
            str(files[0]),
            "-key",
            str(files[1]),
            "-quiet",
        ]
        self.programs.append(Program(*command, "-www", "-cipher", "ECDHE+AESGCM", "-naccept", "100000", ready=port))
        self.add("openssl", port, {"tls.hsts": UNKNOWN}, {"tls.hsts": "no HTTP answer"})  # -www knows GET only


def _only_13(head: str, name: str) -> str:
    return head.replace("TLSv1.2 TLSv1.3", "TLSv1.3") if name.endswith("-13-only") else head
