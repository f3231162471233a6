"""The private Apache httpd lets in who knows a password, as urllib shows."""

from __future__ import annotations

import urllib.error
import urllib.request
from contextlib import closing

import pytest

from support.apache import PAGE, REALM, Apache, find_apache, find_modules

if find_apache() is None or find_modules() is None:
    pytest.skip("Apache httpd is not installed", allow_module_level=True)


@pytest.mark.parametrize("place", ["guarded", "brief", "once", "open"])
def test_each_place_asks_for_what_it_says(place: str) -> None:
    with Apache({"user": "password"}) as apache:
        statuses = []
        for password in ("password", "wrong"):
            known = urllib.request.HTTPPasswordMgr()
            known.add_password(REALM, apache.url, "user", password)
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPDigestAuthHandler(known)
            )
            try:
                with opener.open(f"{apache.url}{place}/page", timeout=20) as reply:
                    assert reply.read() == PAGE
                    statuses.append(reply.status)
            except urllib.error.HTTPError as error:
                with closing(error):
                    statuses.append(error.code)
        assert statuses == ([200, 200] if place == "open" else [200, 401])
        answered = [status for _, status in apache.log(at_least=3)[1:]]
        assert answered[:2] == ([200, 200] if place == "open" else [401, 200])


def test_a_configuration_that_does_not_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.apache.CONFIGURATION", "NoSuchDirective {directory}{port}{user}\n")
    with pytest.raises(RuntimeError, match="NoSuchDirective"), Apache({}):
        pass
