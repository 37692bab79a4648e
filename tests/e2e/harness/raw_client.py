"""One RTMP client in blocking calls, byte for byte."""
import socket
import time

from harness.strangers import amf_number, amf_object, amf_string, command, request


class RawClient:
    """Writes RTMP by hand, byte for byte; a context manager."""

    def __init__(self, port, receive_buffer=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(5)
        self.socket.connect(('127.0.0.1', port))

    def __enter__(self):
        self.socket.sendall(b'\x03' + bytes(1536))
        self.receive(1 + 1536 + 1536)
        self.socket.sendall(bytes(1536))
        return self

    def __exit__(self, *_):
        self.socket.close()

    def receive(self, count):
        data = b''
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise AssertionError(f'closed after {len(data)} of {count} bytes')
            data += piece
        return data

    def receive_until(self, text, seconds=5):
        """True when `text` comes, False when the connection ends without it."""
        seen, deadline = b'', time.monotonic() + seconds
        while text not in seen:
            if time.monotonic() > deadline:
                raise AssertionError(f'no {text!r} within {seconds} s')
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                return False
            if not piece:
                return False
            seen += piece
        return True

    def command(self, *values, stream=0):
        self.socket.sendall(command(*values, stream=stream))

    def open_stream(self, flash_version=b'raw'):
        self.command(amf_string(b'connect'), amf_number(1),
                     amf_object(app=b'live', tcUrl=b'rtmp://127.0.0.1/live',
                                flashVer=flash_version))
        self.command(amf_string(b'createStream'), amf_number(2), b'\x05')

    def request(self, name, stream):
        self.socket.sendall(request(name, stream))
