"""One request and its reply on one connection: states, bodies, HTTPResponse, HTTPClient."""
