"""What a part of a URL may not have in it is quoted, decoded, tidied and masked, by way of URL."""

import pytest
from support.web_platform import PERCENT_ENCODINGS

from mini_http.base.errors import InvalidURL
from mini_http.base.url import URL, quote_illegal

# --- quoting


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("abc-._~!$&'()*+,;=:@/?019", None),
        ("a b", "a%20b"),
        ("ünï/ç?", "%C3%BCn%C3%AF/%C3%A7?"),
        ("😀", "%F0%9F%98%80"),
        ("%41%zz%%2", None),
        ("a%20b c", "a%20b%20c"),
        ('<>"{}|\\^`[]#', "%3C%3E%22%7B%7D%7C%5C%5E%60%5B%5D%23"),
        ("\x00\x1f\x7f\r\n", "%00%1F%7F%0D%0A"),
        ("\x80\xa0\u2028", "%C2%80%C2%A0%E2%80%A8"),
        ("", None),
    ],
)
def test_what_rfc_3986_does_not_allow_is_quoted_and_percent_signs_are_left(text, quoted):
    assert quote_illegal(text) == (text if quoted is None else quoted)


@pytest.mark.parametrize(
    "text",
    ["http://h/\ud800", "http://\udfff/", "http://\ud800@h/", "http+unix://\ud800/", "x:\ud800"],
)
def test_lone_surrogates_are_refused(text):
    with pytest.raises(InvalidURL, match=r"^URL can't contain lone surrogates: ") as caught:
        URL.parse(text)
    assert str(caught.value).isascii()


@pytest.mark.parametrize("case", PERCENT_ENCODINGS, ids=lambda case: ascii(case["input"]))
def test_text_of_the_web_platform_tests_is_quoted_as_utf_8_there(case):
    stricter = case["output"]["utf-8"].replace("\\", "%5C").replace("|", "%7C")
    assert quote_illegal(case["input"]) == stricter


# --- decoding


@pytest.mark.parametrize("text", ["http://a%0Ab@h/", "ftp://u:p%0D%0ADELE%20x@h/", "http://%00@h/"])
def test_encoded_control_characters_in_userinfo_are_refused(text):
    with pytest.raises(InvalidURL, match=r"^(user|password) can't contain control characters"):
        URL.parse(text)


def test_userinfo_that_is_not_utf_8_is_refused():
    with pytest.raises(InvalidURL, match=r"^password is not UTF-8"):
        URL.parse("http://u:%FF@h/")


# --- comparing


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("http://h/%7ea/%2f%c3%a9", "http://h/~a/%2F%C3%A9"),
        ("http://h/?%41=%3d%2e#%7E%0a", "http://h/?A=%3D.#~%0A"),
        ("http://%75%3a:%3a@h/", "http://u%3A:%3A@h/"),
        ("http://h/100%", "http://h/100%25"),
        ("http://h/%4%31", "http://h/%2541"),
        ("mailto:%61", "mailto:a"),
    ],
)
def test_escapes_are_tidied_as_rfc_3986_says(text, normalised):
    assert str(URL.parse(text).normalized()) == normalised


# --- secrets in messages


@pytest.mark.parametrize(
    "text",
    [
        "http://u:secret@h/\n",
        "\nhttp://u:secret@h/",
        "http:\\\\u:secret@h\\\n",
        "//u:secret@h/",
        "ht tp://u:secret@h/",
        "user name:secret@h",
        "1://u:x:secret@@h",
    ],
)
def test_messages_that_show_the_text_do_not_tell_the_password(text):
    with pytest.raises(InvalidURL) as caught:
        URL.parse(text)
    assert "secret" not in str(caught.value)
    assert "sec" not in str(caught.value)
