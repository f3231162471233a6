"""Real parts for the tests: servers on loopback, scripted streams, certificates.

    streams        a stream whose every recv returns the next piece; every split and cut of a reply
    servers        a server on loopback that plays a script of bytes, connection by connection
    steps          what its scripts are made of
    connections    its end of one connection
    line_servers   daytime, echo, gopher over TCP and quote of the day over UDP
    python_server  a server that answers every request with a JSON account of it
    certificates   a certificate authority, and server certificates good and bad
    nginx          a private nginx with static, coded, chunked, redirecting, failing and DAV places
    proxies        tinyproxy and squid, where they are installed
    ftp_server     an FTP server with faults, plain and over TLS
    waits          how long tests of waiting wait
    peers          what the other end does that no step of a script does
    messages       Message objects to hold Headers against
    ipv6           a mark for tests that need IPv6
    documents      the examples of the manual, as code that tests run
    web_platform   the URL cases of the web platform tests
    stock_suites   CPython's own suites, run with our names in place of the stock ones
    upload_server  takes bodies of any length in a process of its own, and keeps their two ends
    numbered_server  gives each request the reply that its number says
    xmlrpc_server  Python's XML-RPC server, over connections that are kept alive
    urllib3_connections  urllib3's pools over connections of ours
    states         the table of a connection's states, as docs/http-client.md shows it
    caches         squid as a cache in front of one server
    pop3_server    a POP3 server that takes passwords only under TLS
    websocket_server  a WebSocket server that echoes text
    ssdp_server    devices that answer a search by datagram
    signature_server  a server that checks an HMAC of each request
    extending      the examples of docs/extending.md, run
    descriptors    which file descriptors this process has open

Nothing here imports mini_http: what judges it must not lean on it. (Only what is made of it does:
`states`, `urllib3_connections`, and the processes that `stock_suites` starts.) The fixtures stand
in tests/conftest.py.
"""
