"""A coordinator with the right certificate and a different lie for each site; the site's name is the lie.

    liar.py FOLDER PORT STUDY STUDY_HASH

FOLDER is that of tests/support/federation.h. Serves until FOLDER/end exists and then prints what each site did, as JSON:
{"NAME": {"polls": n, "parts": n, "contents": [sha256, ...], "octets": n, "refusals": [code, ...]}}. Standard library only.
"""

import hashlib
import http.server
import json
import os
import ssl
import struct
import sys
import threading
import time
import urllib.parse

FOLDER, PORT, STUDY, STUDY_HASH = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
LONG_HEADER = struct.pack("<Q", 2**63) + b"{}      "  # a model's file whose header would have 2^63 octets
SITES = list(range(1, 9))
did, lock = {}, threading.Lock()


def message(kind, seq, number, **more):
    return dict({"type": kind, "seq": seq, "study": STUDY, "study_hash": STUDY_HASH, "round": number, "attempt": 1}, **more)


def opened(seq, **more):
    plan = {"step": 0, "asks": ["statistics"], "model": None, "model_octets": 0, "sites": SITES}
    return message("round", seq, 1, **dict(plan, **more))


def closed(seq):
    return message("closed", seq, 1, outcome="done", participants=SITES, model=None, model_octets=0)


def inbox(name, after, mine):
    """Status and messages; None: nothing new, to be held."""
    if name == "at-once":
        return 200, []
    if name == "anew":
        return 410, []
    if name == "anew-round":
        return 410, [opened(1)]
    if name == "header" and after < 1:
        model = hashlib.sha256(LONG_HEADER).hexdigest()
        return 200, [opened(1, round=2, step=1, asks=["train"], model=model, model_octets=len(LONG_HEADER))]
    if after < 1:
        return 200, [opened(1)]
    if after < 2 and mine["contents"]:
        if name == "two-plans":  # the same round with fewer others: the difference of two sums would be one hospital's
            return 200, [opened(2, attempt=2, sites=SITES[1:])]
        if name == "reopened":
            return 200, [closed(2), opened(3, attempt=2)]
    return None


def part(name, mine, offset, total, octets):
    """Status and answer to a part of an upload."""
    if name == "failing" and mine["parts"] <= 2:
        return 500, {"error": "no"}
    if name == "stuck":
        return 200, {"offset": 0}
    return 200, ({"accepted": True} if offset + len(octets) == total else {"offset": offset + len(octets)})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write per answer: Nagle's algorithm would hide a client that spins
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def handle_one(self, method):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = dict(pair for rdn in self.connection.getpeercert()["subject"] for pair in rdn)["commonName"]
        with lock:
            mine = did.setdefault(name, {"polls": 0, "parts": 0, "contents": [], "octets": 0, "refusals": []})
        if url.path == "/v1/roster":
            self.answer(200, open(os.path.join(FOLDER, "ca/roster.signed"), "rb").read())
        elif url.path.startswith("/v1/models/"):
            self.answer(200, LONG_HEADER)
        elif method == "POST":
            mine["refusals"].append(json.loads(body).get("refusal"))
            self.answer(204, b"")
        elif method == "PUT":
            mine["parts"] += 1
            mine["octets"] += len(body)
            if query["sha256"] not in mine["contents"]:
                mine["contents"].append(query["sha256"])
            self.answer(*part(name, mine, int(query["offset"]), int(query["octets"]), body))
        else:
            self.poll(name, mine, int(query["after"]), int(query["wait"]))

    def poll(self, name, mine, after, wait_s):
        mine["polls"] += 1
        end = time.monotonic() + wait_s
        while (news := inbox(name, after, mine)) is None and time.monotonic() < end:
            time.sleep(0.05)
        status, messages = news or (200, [])
        self.answer(status, {"messages": messages})

    def do_GET(self):
        self.handle_one("GET")

    def do_PUT(self):
        self.handle_one("PUT")

    def do_POST(self):
        self.handle_one("POST")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):  # sites hang up when they are stopped
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(FOLDER, "coordinator/coordinator.pem"), os.path.join(FOLDER, "coordinator/coordinator.key"))
context.load_verify_locations(os.path.join(FOLDER, "ca/ca.pem"))
context.verify_mode = ssl.CERT_REQUIRED
server = Server(("127.0.0.1", PORT), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
while not os.path.exists(os.path.join(FOLDER, "end")) and os.getppid() != 1:
    time.sleep(0.02)
with lock:
    print(json.dumps(did))
