"""A mail server of our own: takes, refuses or hangs up, and keeps what it took."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class PostOffice(socketserver.ThreadingTCPServer):
    """`refuses`: addresses answered with 550. `loses_after`: the line breaks before the answer to so-and-so-many letters."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counter)
        self.taken: list[EmailMessage] = []
        self.refuses: set[str] = set()
        self.loses_the_answer = False
        self.before_answering: Callable[[], None] = lambda: None

    @property
    def port(self) -> int:
        return self.server_address[1]


class _Counter(socketserver.StreamRequestHandler):
    server: PostOffice

    def handle(self) -> None:
        self.say("220 post office")
        for line in iter(self.rfile.readline, b""):
            word = line.decode().strip()
            if word.upper().startswith("RCPT TO") and any(address in word for address in self.server.refuses):
                self.say("550 no such mailbox")
            elif word.upper() == "DATA":
                self.say("354 go on")
                if not self.take():
                    return
            elif word.upper() == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def take(self) -> bool:
        lines = list(iter(self.rfile.readline, b".\r\n"))
        content = b"".join(line[1:] if line.startswith(b"..") else line for line in lines)
        self.server.taken.append(message_from_bytes(content, policy=policy.default))
        self.server.before_answering()
        if self.server.loses_the_answer:
            return False
        self.say("250 taken")
        return True

    def say(self, answer: str) -> None:
        self.wfile.write(f"{answer}\r\n".encode())


@contextmanager
def post_office() -> Iterator[PostOffice]:
    with PostOffice() as office:
        threading.Thread(target=office.serve_forever, daemon=True).start()
        yield office
        office.shutdown()
