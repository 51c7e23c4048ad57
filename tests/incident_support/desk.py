"""The region's desk for a test: mail with STARTTLS and a login (aiosmtpd), and a hook by HTTPS.

desk.py FOLDER CERTIFICATE KEY SMTP_PORT HTTPS_PORT: each message becomes a file of FOLDER, `ready` says
that both listen.
"""
import itertools
import pathlib
import ssl
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

folder = pathlib.Path(sys.argv[1])
certificate, key = sys.argv[2:4]
smtp_port, https_port = map(int, sys.argv[4:6])
numbers = itertools.count()


def keep(kind, head, body):
    draft = folder / "draft"
    draft.write_bytes(head.encode() + b"\n\n" + body)
    draft.rename(folder / f"{next(numbers):03}.{kind}")


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        who = session.auth_data.login.decode()
        head = f"{who} {'TLS' if session.ssl else 'PLAIN'} {envelope.mail_from} {envelope.rcpt_tos}"
        keep("mail", head, envelope.original_content)
        return "250 OK"


def login(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"preau", b"secret-de-poste")
    return AuthResult(success=good, auth_data=data)


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = self.headers["Authorization"] == "Bearer jeton-du-guichet"
        if good:
            keep("hook", f"{self.path} {self.headers['Idempotency-Key']}", body)
        self.send_response(204 if good else 401)
        self.end_headers()

    def log_message(self, *args):
        pass


tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(certificate, key)
Controller(
    Mailbox(),
    hostname="127.0.0.1",
    port=smtp_port,
    tls_context=tls,
    require_starttls=True,
    auth_required=True,
    authenticator=login,
).start()
hook = HTTPServer(("127.0.0.1", https_port), Hook)
hook.socket = tls.wrap_socket(hook.socket, server_side=True)
(folder / "ready").touch()
hook.serve_forever()
