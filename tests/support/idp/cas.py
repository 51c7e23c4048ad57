"""An ENT's CAS server (django-cas-server) over TLS on loopback, with the people of people.json.

    cas.py PORT FOLDER SERVICE_PATTERN SLO_CALLBACK

FOLDER holds idp.crt and idp.key, and takes the database. SLO_CALLBACK may be empty: the service's
own address is then asked.
"""

import json
import pathlib
import ssl
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django
from django.conf import settings

PORT, FOLDER, PATTERN, CALLBACK = int(sys.argv[1]), pathlib.Path(sys.argv[2]), *sys.argv[3:5]
PEOPLE = json.loads((pathlib.Path(__file__).parent / "people.json").read_text())

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    SECRET_KEY="of a test, on loopback",
    ROOT_URLCONF="cas_server.urls",
    USE_TZ=True,
    STATIC_URL="/static/",
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": FOLDER / "cas.sqlite3",
            "OPTIONS": {"timeout": 20},
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "cas_server",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.locale.LocaleMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    CAS_AUTH_CLASS="__main__.Person",
    CAS_NEW_VERSION_HTML_WARNING=False,
    CAS_NEW_VERSION_EMAIL_WARNING=False,
    # Nothing from elsewhere: the pages are bare, and no look at the network is tried.
    CAS_COMPONENT_URLS={
        name: "data:,"
        for name in (
            "bootstrap3_css", "bootstrap3_js", "html5shiv", "respond",
            "bootstrap4_css", "bootstrap4_js", "jquery",
        )
    },
)
django.setup()

from cas_server.auth import AuthUser  # noqa: E402
from cas_server.models import ServicePattern  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402


class Person(AuthUser):
    def test_password(self, password):
        return self.username in PEOPLE and PEOPLE[self.username]["password"] == password

    def attributs(self):
        return PEOPLE[self.username]["attributes"] if self.username in PEOPLE else {}


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


call_command("migrate", verbosity=0)
pattern = ServicePattern.objects.create(
    name="preau", pattern=PATTERN, single_log_out=True, single_log_out_callback=CALLBACK
)
for attribute in ("uid", "ENTPersonProfils", "ENTPersonStructRattachRNE", "ENTEleveClasses"):
    pattern.attributs.create(name=attribute)

server = Threaded(("127.0.0.1", PORT), Quiet)
server.set_app(get_wsgi_application())
server.base_environ["HTTPS"] = "on"
server.base_environ["wsgi.url_scheme"] = "https"
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(FOLDER / "idp.crt", FOLDER / "idp.key")
# The handshake is each connection's own thread's: a slow one holds nobody up.
server.socket = context.wrap_socket(
    server.socket, server_side=True, do_handshake_on_connect=False
)
server.serve_forever()
