"""Cookies: the jar, its policy and its files, by RFC 6265bis and under http.cookiejar's names."""
