# mypy: ignore-errors
"""Connections of ours for urllib3's pools: a recipe, which docs/http-client.md tells of.

    manager = urllib3.PoolManager()
    manager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}

They go to servers, and to these through tunnels. What urllib3 asks of a connection stands in its
`BaseHTTPConnection`; what they leave out is refused by name: TypeError.
"""

import ssl

import urllib3
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

import mini_http


class Connection(mini_http.HTTPConnection):
    """HTTP over ours, for urllib3's pool."""

    is_verified = proxy_is_verified = False
    has_connected_to_proxy = False

    def __init__(self, host, port=None, *, timeout=None, proxy=None, proxy_config=None, **options):
        options.pop("socket_options", None)  # ours never waits to fill a packet
        seconds = urllib3.Timeout.resolve_default_timeout(timeout)
        super().__init__(host, port, timeout=seconds, **options)
        self.proxy, self.proxy_config = proxy, proxy_config

    @property
    def is_closed(self):
        return self.closed

    @property
    def is_connected(self):
        return not self.closed and not self.has_input()

    def set_tunnel(self, host, port=None, headers=None, scheme="http"):
        if scheme != "http":
            raise NotImplementedError("a tunnel through a proxy over TLS")
        super().set_tunnel(host, port, headers)

    def connect(self):
        try:
            super().connect()
        except mini_http.ConnectTimedOut as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except mini_http.NameNotResolved as error:
            raise NameResolutionError(self.host, self, error) from error
        except mini_http.ConnectFailed as error:
            raise NewConnectionError(self, str(error)) from error
        self.has_connected_to_proxy = self.proxy is not None

    def close(self):
        super().close()
        self.has_connected_to_proxy = False

    def request(self, method, url, body=None, headers=None, *, chunked=False, **options):
        self._options = options | {"request_method": method, "request_url": url}
        fields = dict(headers or {})
        if chunked:
            fields["Transfer-Encoding"] = "chunked"
        if isinstance(body, str):
            body = body.encode()
        super().request(method, url, body, fields, encode_chunked=chunked)

    def getresponse(self):
        reply = super().getresponse()
        return urllib3.HTTPResponse(
            reply,
            urllib3.HTTPHeaderDict(reply.getheaders()),
            reply.status,
            reply.version,
            "HTTP/1.1" if reply.version == 11 else "HTTP/1.0",
            reply.reason,
            original_response=reply,
            **self._options,
        )


class SecureConnection(Connection, mini_http.HTTPSConnection):
    """HTTPS over ours, for urllib3's pool."""

    def __init__(self, host, port=None, *, cert_reqs=None, ssl_context=None, **options):
        names = {"ca_certs": "ca_file", "ca_cert_dir": "ca_path", "ca_cert_data": "ca_data"}
        names |= {name: name for name in ("cert_file", "key_file", "key_password")}
        options = {name: value for name, value in options.items() if value is not None}
        known = {names[name]: options.pop(name) for name in names & options.keys()}
        if options.get("assert_hostname") is False:
            known["check_hostname"] = options.pop("assert_hostname")
        known["verify"] = self.is_verified = cert_reqs not in ("CERT_NONE", ssl.CERT_NONE)
        if ssl_context is not None:
            known = {"context": ssl_context}
            self.is_verified = ssl_context.verify_mode is ssl.CERT_REQUIRED
        super().__init__(host, port, **options)
        self.tls = mini_http.TLSSettings(**known)


class Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = Connection


class SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = SecureConnection
