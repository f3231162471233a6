"""LoadError among the errors of mini_http and of http.cookiejar."""

import http.cookiejar
import pickle
import subprocess
import sys
from urllib.error import URLError

import pytest

from mini_http.base.errors import MiniHTTPError
from mini_http.opener.cookies.load_error import LoadError


@pytest.mark.parametrize("kind", [http.cookiejar.LoadError, MiniHTTPError, URLError, OSError])
def test_it_is_caught_as(kind):
    with pytest.raises(kind, match=r"^no cookies here$"):
        raise LoadError("no cookies here")


def test_it_knows_file_and_line():
    error = LoadError("why", "cookies.txt", 7)

    assert (str(error), error.filename, error.number) == ("why", "cookies.txt", 7)


@pytest.mark.parametrize("error", [LoadError("why", "cookies.txt", 7), LoadError("why")])
def test_it_survives_pickling(error):
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is LoadError
    assert (str(again), again.filename, again.number) == ("why", error.filename, error.number)


def test_a_jar_that_loads_well_does_not_import_http_cookiejar():
    program = (
        "import sys; from mini_http.opener.cookies.netscape_form import MozillaCookieJar;"
        "jar = MozillaCookieJar(sys.executable);"
        "assert 'http.cookiejar' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
