"""A receiver of hooks: checks each signature as https://www.standardwebhooks.com says, writes a line of JSON a request, answers by path.

  hooks.py SECRET LOG

/ok answers 204; /once 500 to the first attempt of each id; /fail 500 always; /no 403; /hang nothing; /redirect leads to /ok; /much
an endless body; /clean puts what it is told behind
each text, and leaves out every third record; /wrong answers with a field that nobody asked about; /late 503 with Retry-After to the first attempt; /gate 204 once the file LOG.open is there, until then it waits."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

SECRET = base64.b64decode(open(sys.argv[1], encoding="utf-8").read().strip().removeprefix("whsec_"))
LOG = sys.argv[2]
lock = threading.Lock()
seen = {}


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    def answer(self, status, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def is_signed(self, body):
        text = "%s.%s." % (self.headers["webhook-id"], self.headers["webhook-timestamp"])
        want = base64.b64encode(hmac.new(SECRET, text.encode() + body, hashlib.sha256).digest()).decode()
        fresh = abs(time.time() - int(self.headers["webhook-timestamp"])) < 60
        return fresh and hmac.compare_digest(self.headers["webhook-signature"], "v1," + want)

    def change(self, asked, wrong):
        records = [{name: value + "+" if name != "Id" and isinstance(value, str) else value for name, value in record.items()}
                   for at, record in enumerate(asked["records"]) if at % 3]
        if wrong:
            records[0]["Secretfield"] = 1
        body = json.dumps({"records": records}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path, call = self.path.split("?")[0], self.headers["webhook-id"]
        with lock:
            attempt = seen[call] = seen.get(call, 0) + 1
            with open(LOG, "a", encoding="utf-8") as log:
                log.write(json.dumps({"path": self.path, "id": call, "signed": self.is_signed(body), "attempt": attempt,
                                      "type": self.headers["Content-Type"], "body": json.loads(body)}) + "\n")
        if path == "/hang":
            time.sleep(120)
        elif path == "/gate":
            while not os.path.exists(LOG + ".open"):
                time.sleep(0.02)
            self.answer(204)
        elif path in ("/clean", "/wrong"):
            self.change(json.loads(body), path == "/wrong" and not os.path.exists(LOG + ".right"))
        elif path == "/redirect":
            self.answer(307, [("Location", "/ok?redirected")])
        elif path == "/much":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 30))
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                self.close_connection = True
        elif path == "/late" and attempt == 1:
            self.answer(503, [("Retry-After", "2")])
        else:
            self.answer(500 if path == "/fail" or path == "/once" and attempt == 1 else 403 if path == "/no" else 204)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
server.daemon_threads = True
print("ready %d" % server.server_address[1], flush=True)
server.serve_forever()
