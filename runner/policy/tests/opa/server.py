"""OPA's data and policy API over OPA's own engine, as far as the tests need it.

Prints the port it listens on, then serves until its standard input is closed.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opa_bindings import OpaEngine, OpaError
from opa_bindings.engine import OpaUndefinedError

POLICIES, DATA = "/v1/policies/", "/v1/data/"

engine = OpaEngine()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        if not self.path.startswith(POLICIES):
            return self.answer(404, {})
        try:
            engine.add_policy(self.path.removeprefix(POLICIES) + ".rego", self.content().decode())
        except OpaError as error:
            return self.answer(400, {"code": "invalid_parameter", "message": str(error)})
        self.answer(200, {})

    def do_POST(self):
        if not self.path.startswith(DATA):
            return self.answer(404, {})
        document = self.path.removeprefix(DATA).replace("/", ".")
        try:
            self.answer(200, {"result": engine.eval_document(document, json.loads(self.content())["input"])})
        except OpaUndefinedError:
            self.answer(200, {})
        except OpaError as error:
            self.answer(500, {"code": "internal_error", "message": str(error)})

    def content(self):
        return self.rfile.read(int(self.headers["content-length"]))

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def end_with_input():
    sys.stdin.read()
    os._exit(0)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=end_with_input, daemon=True).start()
server.serve_forever()
