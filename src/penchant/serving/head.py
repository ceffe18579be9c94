"""The head of a request, bounded: the parser would gather lines of it without end."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 64 << 10  # of the request line and headers


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which turns away a head that is too large."""

    _beginning = True
    _head = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes in, unless they are too many for a head."""
        if self._beginning and not self.transport.is_closing():
            self._head += len(data)
            if self._head - len(data) > MOST_BYTES:  # this part may hold a body's beginning
                self.send_400_response("The head of the request is too large.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._beginning, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting."""
        self._beginning, self._head = False, 0
        super().on_headers_complete()
