"""A real cache on loopback: squid, in front of one server and answering in its place.

    with SquidCache(origin.port) as cache:
        fetch(f"http://{cache.address}/page")

It forgets what it holds of a path when it is asked to by PURGE.
"""

from __future__ import annotations

import re

from support.proxies import Squid


class SquidCache(Squid):
    """squid before the server at `origin_port`, with all that it holds in memory."""

    is_ready = re.compile("Accepting reverse-proxy HTTP Socket connections")

    def __init__(self, origin_port: int) -> None:
        super().__init__()
        self._origin_port = origin_port

    def configuration(self) -> str:
        origin = f"127.0.0.1 parent {self._origin_port} 0"
        return f"""
            http_port {self.address} accel defaultsite=127.0.0.1
            cache_peer {origin} originserver no-query no-digest no-netdb-exchange
            acl purging method PURGE
            http_access allow purging
            http_access allow all
            cache_mem 8 MB
            pid_filename {self.directory}/pid
            coredump_dir {self.directory}
            logformat short %>p %rm %ru
            access_log stdio:{self.directory}/access.log short
            cache_log {self.directory}/cache.log
            debug_options ALL,1
            shutdown_lifetime 0 seconds
            pinger_enable off
        """
