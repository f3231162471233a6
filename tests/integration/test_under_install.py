"""Libraries that call urllib, unported, under `mini_http.install()`.

Each does the same work first with urllib's own engine and then with ours: the results are equal,
and with ours the calls share one connection.
"""

import gzip
import hashlib
import json
import os
import urllib.request

import pytest
from support.python_server import DocumentServer

import mini_http
from mini_http.keepalive.pool import shared_pool

pytestmark = [
    pytest.mark.integration,
    # What these libraries warn of is theirs to mend.
    pytest.mark.filterwarnings("default"),
]

CALLS = 4


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """The servers are on this machine, whatever proxies it has for others."""
    monkeypatch.setenv("no_proxy", "*")


def same_on_one_connection(server, work, everywhere=False):
    """Does `work` with urllib, then with ours; returns what it gave, which must be the same."""
    by_urllib = work()
    asked = len(server.requests)
    mini_http.install(everywhere=everywhere)
    try:
        by_ours = work()
    finally:
        mini_http.uninstall()
        shared_pool().close()
    theirs, ours = server.requests[:asked], server.requests[asked:]
    assert by_ours == by_urllib
    assert [request["path"] for request in ours] == [request["path"] for request in theirs]
    assert len({request["connection"] for request in theirs}) == len(theirs) >= CALLS
    assert len({request["connection"] for request in ours}) == 1
    return by_ours


TABLE = b"name,age\nAda,36\nBlaise,39\n"
RECORDS = b'[{"name":"Ada","age":36},{"name":"Blaise","age":39}]'


def test_pandas_reads_tables():
    pandas = pytest.importorskip("pandas")
    documents = {"/t.csv": ("text/csv", TABLE), "/t.csv.gz": ("text/csv", gzip.compress(TABLE))}
    with DocumentServer({**documents, "/t.json": ("application/json", RECORDS)}) as server:

        def work():
            tables = [pandas.read_csv(f"{server.url}t.csv") for _ in range(CALLS)]
            tables.append(pandas.read_csv(f"{server.url}t.csv.gz"))
            tables.append(pandas.read_json(f"{server.url}t.json"))
            return [table.to_dict() for table in tables]

        tables = same_on_one_connection(server, work)
    assert tables == [{"name": {0: "Ada", 1: "Blaise"}, "age": {0: 36, 1: 39}}] * (CALLS + 2)


TURTLE = b"@prefix : <http://example.org/> . :ada :knows :blaise . :blaise :age 39 ."


def test_rdflib_parses_graphs():
    rdflib = pytest.importorskip("rdflib")
    with DocumentServer({"/g.ttl": ("text/turtle", TURTLE)}) as server:

        def work():
            graphs = [rdflib.Graph().parse(f"{server.url}g.ttl") for _ in range(CALLS)]
            return [sorted(graph) for graph in graphs]

        assert [len(graph) for graph in same_on_one_connection(server, work)] == [2] * CALLS


BINDINGS = {
    "head": {"vars": ["who"]},
    "results": {"bindings": [{"who": {"type": "literal", "value": "Ada"}}]},
}


def test_sparqlwrapper_asks_a_query():
    sparql = pytest.importorskip("SPARQLWrapper")
    answer = "application/sparql-results+json", json.dumps(BINDINGS).encode()
    with DocumentServer({"/sparql": answer}) as server:

        def work():
            endpoint = sparql.SPARQLWrapper(f"{server.url}sparql", returnFormat=sparql.JSON)
            answers = []
            for method in (sparql.GET, sparql.POST) * (CALLS // 2):
                endpoint.setMethod(method)
                endpoint.setQuery("SELECT ?who WHERE { ?who ?knows ?whom }")
                answers.append(endpoint.queryAndConvert())
            return answers

        assert same_on_one_connection(server, work) == [BINDINGS] * CALLS


def test_biopythons_entrez_fetches_records(monkeypatch):
    entrez = pytest.importorskip("Bio.Entrez")
    found = b'<?xml version="1.0"?><found><id>1</id></found>'
    documents = {"/efetch": ("text/plain", b">seq\nACGT\n"), "/esearch": ("text/xml", found)}
    with DocumentServer(documents) as server:
        build_request = entrez._build_request

        def on_loopback(cgi, *arguments, **options):
            name = cgi.rpartition("/")[2].removesuffix(".fcgi")
            return build_request(f"{server.url}{name}", *arguments, **options)

        monkeypatch.setattr(entrez, "_build_request", on_loopback)
        monkeypatch.setattr(entrez, "email", "test@example.org")
        monkeypatch.setattr(entrez, "api_key", "a key: ten calls a second are allowed with one")

        def work():
            read = []
            for _ in range(CALLS // 2):
                with entrez.efetch(db="nucleotide", id="1", rettype="fasta") as handle:
                    read.append(handle.read())
                with entrez.esearch(db="nucleotide", term="x") as handle:
                    read.append(handle.read())
            return read

        assert same_on_one_connection(server, work) == [">seq\nACGT\n", found] * (CALLS // 2)


LARGE = bytes(range(256)) * 4000


def test_wget_downloads_files(tmp_path, monkeypatch):
    """As torch.hub does: urlretrieve with a bar, to a temporary file that is then renamed."""
    wget = pytest.importorskip("wget")
    monkeypatch.chdir(tmp_path)
    with DocumentServer({"/model.pt": ("application/octet-stream", LARGE)}) as server:

        def work():
            names = [wget.download(f"{server.url}model.pt", bar=None) for _ in range(CALLS)]
            return [digest(tmp_path / name) for name in names]

        assert same_on_one_connection(server, work) == [digest_of(LARGE)] * CALLS


def test_urlretrieve_moves_a_bar_of_tqdm(tmp_path):
    tqdm = pytest.importorskip("tqdm")
    with DocumentServer({"/large": ("application/octet-stream", LARGE)}) as server:

        def work():
            return [retrieve(f"{server.url}large", tmp_path / "large") for _ in range(CALLS)]

        def retrieve(url, path):
            with tqdm.tqdm(disable=None, file=open_null) as bar:
                seen = []

                def hook(blocks, size, total):
                    bar.total = total
                    bar.update(blocks * size - bar.n)
                    seen.append((blocks, size, total))

                urllib.request.urlretrieve(url, path, hook)
                return seen, bar.total, digest(path)

        with open(os.devnull, "w") as open_null:
            moved = same_on_one_connection(server, work)
    assert [(total, sum_) for _, total, sum_ in moved] == [(len(LARGE), digest_of(LARGE))] * CALLS


SCHEMA = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:include schemaLocation="part.xsd"/><xs:element name="age" type="years"/></xs:schema>"""
PART = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:simpleType name="years"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>"""


def test_xmlschema_loads_a_schema_and_what_it_includes():
    xmlschema = pytest.importorskip("xmlschema")
    documents = {"/all.xsd": ("text/xml", SCHEMA), "/part.xsd": ("text/xml", PART)}
    with DocumentServer(documents) as server:

        def work():
            schemas = [xmlschema.XMLSchema(f"{server.url}all.xsd") for _ in range(CALLS)]
            return [[one.is_valid(f"<age>{age}</age>") for age in (36, "x")] for one in schemas]

        assert same_on_one_connection(server, work) == [[True, False]] * CALLS


FEED = b"""<rss version="2.0"><channel><title>News</title><item><title>First</title></item>
</channel></rss>"""


def test_feedparser_reads_feeds_through_an_opener_of_its_own():
    feedparser = pytest.importorskip("feedparser")
    with DocumentServer({"/feed": ("application/rss+xml", FEED)}) as server:

        def work():
            feeds = [feedparser.parse(f"{server.url}feed") for _ in range(CALLS)]
            return [(feed.status, feed.feed.title, feed.entries[0].title) for feed in feeds]

        read = same_on_one_connection(server, work, everywhere=True)
    assert read == [(200, "News", "First")] * CALLS


KEYS = {"keys": [{"kty": "oct", "k": "c2VjcmV0IGtleSBvZiBlbm91Z2ggYnl0ZXMgMTIzNDU", "kid": "1"}]}


@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
def test_pyjwt_fetches_keys_through_an_opener_built_for_each_call(certificates, secured):
    jwt = pytest.importorskip("jwt")
    tls = certificates.good.server_context() if secured else None
    context = certificates.client_context() if secured else None
    documents = {"/jwks": ("application/json", json.dumps(KEYS).encode())}
    with DocumentServer(documents, tls=tls) as server:

        def work():
            client = jwt.PyJWKClient(f"{server.url}jwks", cache_jwk_set=False, ssl_context=context)
            return [client.fetch_data() for _ in range(CALLS)]

        assert same_on_one_connection(server, work, everywhere=True) == [KEYS] * CALLS


def test_astropy_downloads_files_through_an_opener_built_for_each_call(tmp_path, monkeypatch):
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        (tmp_path / name / "astropy").mkdir(parents=True)
        monkeypatch.setenv(name, str(tmp_path / name))
    data = pytest.importorskip("astropy.utils.data")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with DocumentServer({"/table.dat": ("application/octet-stream", LARGE)}) as server:

        def work():
            names = [
                data.download_file(f"{server.url}table.dat", cache=False, show_progress=False)
                for _ in range(CALLS)
            ]
            return [digest(name) for name in names]

        read = same_on_one_connection(server, work, everywhere=True)
    assert read == [digest_of(LARGE)] * CALLS


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_context_for_each_call_is_ours_only_everywhere(certificates, everywhere):
    """As matplotlib and skyfield do: urlopen with a context, whose opener urllib builds itself."""
    context = certificates.client_context()
    tls = certificates.good.server_context()
    with DocumentServer({"/t.csv": ("text/csv", TABLE)}, tls=tls) as server:

        def work():
            read = []
            for _ in range(CALLS):
                with urllib.request.urlopen(f"{server.url}t.csv", context=context) as reply:
                    read.append(reply.read())
            return read

        if everywhere:
            assert same_on_one_connection(server, work, everywhere) == [TABLE] * CALLS
        else:
            mini_http.install()
            try:
                assert work() == [TABLE] * CALLS
            finally:
                mini_http.uninstall()
            assert server.connections == CALLS


@pytest.mark.parametrize("way", ["urlopen of ours", "install()", "install(everywhere=True)"])
def test_vcrpy_records_and_plays_what_is_asked(tmp_path, way):
    vcr = pytest.importorskip("vcr")
    with DocumentServer({"/t.csv": ("text/csv", TABLE)}) as server:

        def ask(urlopen):
            with vcr.use_cassette(tmp_path / "cassette.yaml") as cassette:
                for data in (None, b"a=1"):
                    with urlopen(f"{server.url}t.csv", data) as reply:
                        assert reply.read() == TABLE
                return cassette.play_count

        if way == "urlopen of ours":
            assert [ask(mini_http.urlopen) for _ in range(2)] == [0, 2]
        else:
            mini_http.install(everywhere="everywhere" in way)
            try:
                assert [ask(urllib.request.urlopen) for _ in range(2)] == [0, 2]
            finally:
                mini_http.uninstall()
    assert len(server.requests) == 2


# --- helpers


def digest(path):
    with open(path, "rb") as file:
        return digest_of(file.read())


def digest_of(data):
    return hashlib.sha256(data).hexdigest()
