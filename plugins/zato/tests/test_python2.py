"""Sources that were written for Python 2: their modules and names are there, for them alone."""

from __future__ import annotations

import builtins
import importlib
import json
import subprocess
import sys
from typing import Any

import pytest
from hansa.deployment.loader import PackageLoader
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_zato import early
from hansa_zato.python2 import modules, names, requests, texts
from hansa_zato.python2.dialect import parse, speaks
from hansa_zato.python2.syntax import NotPython2, changed_lines, is_python2, rewrite

DIALECT = "hansa_zato.python2.dialect"
SOURCE = """
# -*- coding: utf-8 -*-
from __future__ import absolute_import, division, print_function, unicode_literals

import ConfigParser, Queue, cPickle, email.MIMEBase, httplib, itertools, os.path, string, sys
import urllib, urllib2, urlparse
from collections import Mapping, OrderedDict
from cStringIO import StringIO
from email.MIMEText import MIMEText

from anyjson import dumps
from zato.server.service import Service


class Old(Service):
    def handle(self):
        found = {}
        pairs = OrderedDict([("b", 1), ("a", 2)])
        found["iteritems"] = [name for name, _ in pairs.iteritems()]
        found["itervalues"] = sum(pairs.itervalues())
        found["viewkeys"] = sorted(pairs.viewkeys())
        found["has_key"] = pairs.has_key("a")
        found["unicode"] = unicode("é".encode("utf8")), isinstance("x", unicode)
        found["basestring"] = isinstance("x", basestring), isinstance(1, basestring)
        found["numbers"] = long("5"), list(xrange(3)), unichr(233), cmp(1, 2)
        found["reduce"] = reduce(lambda a, b: a + b, [1, 2, 3])
        found["urllib"] = urllib.quote("a b"), urllib.urlencode({"a": "b c"})
        found["urlparse"] = urlparse.urlparse("http://host/path").netloc
        found["httplib"] = httplib.OK
        found["urllib2"] = issubclass(urllib2.HTTPError, urllib2.URLError)
        queue = Queue.Queue()
        queue.put(1)
        found["Queue"] = queue.get()
        buffer = StringIO()
        buffer.write("text")
        found["StringIO"] = buffer.getvalue()
        parser = ConfigParser.SafeConfigParser()
        parser.readfp(StringIO("[a]\\nb=1\\n"))
        found["ConfigParser"] = parser.get("a", "b")
        try:
            cPickle.loads(cPickle.dumps(1))
        except cPickle.UnpicklingError as error:
            found["cPickle"] = str(error)
        found["email"] = MIMEText("x").get_content_type(), email.MIMEBase.MIMEBase.__name__
        found["others"] = list(itertools.izip([1], [2])), string.letters[:2], sys.maxint > 9
        found["os"] = os.path.basename("/a/b"), isinstance({}, Mapping)
        self.response.payload = dumps(found)
"""
FOUND = {
    "ConfigParser": "1",
    "Queue": 1,
    "StringIO": "text",
    "basestring": [True, False],
    "cPickle": "cPickle reads nothing here: pickled data can run any code; use JSON",
    "email": ["text/plain", "MIMEBase"],
    "has_key": True,
    "httplib": 200,
    "iteritems": ["b", "a"],
    "itervalues": 3,
    "numbers": [5, [0, 1, 2], "é", -1],
    "os": ["b", True],
    "others": [[[1, 2]], "ab", True],
    "reduce": 6,
    "unicode": ["é", True],
    "urllib": ["a%20b", "a=b+c"],
    "urllib2": True,
    "urlparse": "host",
    "viewkeys": ["a", "b"],
}
PYTHON2 = """from zato.server.service import Service

class Old(Service):
    def handle(self):
        try:
            print 'this', `1`
        except KeyError, e:
            raise ValueError, 'other'
"""


# -- in a running server ---------------------------------------------------------------------------


def test_a_service_uses_them_and_others_do_not_have_them(running: RunningServer) -> None:
    running.deploy("old.py", SOURCE)
    assert running.api("admin.service.invoke", name="old.old")["payload"] == FOUND
    native = "from hansa import Service\nclass A(Service):\n    def handle(self): return {}\n"
    running.deploy("native.py", native.format("repr(unicode)"))
    with pytest.raises(ApiError):
        running.api("admin.service.invoke", name="native.a")
    with pytest.raises(ApiError, match="No module named 'numbers2'"):
        running.deploy("native.py", f"import numbers2\n{native}")


def test_python_2_is_refused_with_its_lines(running: RunningServer) -> None:
    with pytest.raises(ApiError) as caught:
        running.deploy("old_syntax.py", PYTHON2)
    told = (
        "old_syntax.py, line 6: SyntaxError: Python 2 in lines 6, 7, 8; "
        "zato migrate old_syntax.py shows it in Python 3"
    )
    assert told in json.dumps(caught.value.problem)


# -- which sources -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "from zato.server.service import Service",
        "def f():\n    import os, urllib2 as u",
        "from email.MIMEText import MIMEText",
        "from __future__ import print_function",
        "import anyjson\nprint 'x'",
        "import os, cPickle as pickle\nprint 'x'",
    ],
)
def test_sources_of_the_dialect(source: str) -> None:
    assert speaks({"shop/__init__.py": "", "shop/a.py": source})


@pytest.mark.parametrize(
    "source",
    [
        "import hansa, queue, email.mime.text, urllib.parse",
        "from multiprocessing import Queue",
        "from __future__ import annotations",
        "from .zato import x",
        "'''import zato'''",
        "x = = 1",
    ],
)
def test_other_sources(source: str) -> None:
    assert not speaks({"a.py": source})


def test_a_package_of_the_dialect_changes_nothing_for_others() -> None:
    for module in early.hansa_modules():
        importlib.import_module(module)
    loader = PackageLoader(dialects=[DIALECT])
    try:
        new = [loader.make("old.py", 1, SOURCE), loader.make("b.py", 1, "x = lambda: unicode\n")]
        assert loader.load(new) == {}
        with pytest.raises(NameError):
            sys.modules["b@1"].x()
    finally:
        loader.close()
    assert not hasattr(builtins, "unicode") and not hasattr(sys, "maxint")
    assert not {"urllib2", "httplib", "ConfigParser", "Queue"} & set(sys.modules)


def test_it_is_light_until_something_is_imported() -> None:
    code = (
        "import sys, hansa_zato.python2.dialect\n"
        "heavy = 'urllib.request fissix lxml arrow email.mime.text'.split()\n"
        "print(*(name for name in heavy if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == []


# -- modules and names -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*modules.RENAMED, *modules.WRITTEN_ANEW])
def test_every_module_can_be_imported(name: str) -> None:
    found = modules.find(name)
    assert found is not None
    assert all(hasattr(found, each) for each in getattr(found, "__all__", []))


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for module, added in modules.EXTENDED.items() for name in added],
)
def test_every_name_is_there(module: str, name: str) -> None:
    found = modules.find(module)
    assert getattr(found, name) is not None
    assert name in dir(found)


def test_a_module_with_more_names_is_that_module_otherwise() -> None:
    found: Any = modules.find("sys")
    kept = sys.stdout
    try:
        found.stdout = "replaced"
        assert sys.stdout == "replaced"
    finally:
        sys.stdout = kept
    assert found.stdout is kept
    with pytest.raises(AttributeError, match="nothing"):
        _ = found.nothing


def test_attributes_that_are_gone_lead_to_what_is_there() -> None:
    class Own:
        def iteritems(self) -> str:
            return "own"

        def items(self) -> str:
            return "items"

    source = "result = value.iteritems()\nvalue.iterkeys = 5\n"
    namespace: dict[str, Any] = {"__builtins__": {**vars(builtins), **names.BUILTINS}}
    namespace["value"] = Own()
    exec(compile(parse(source, "a.py"), "a.py", "exec"), namespace)
    assert namespace["result"] == "own" and namespace["value"].iterkeys == 5
    looked_up = []

    class Counting:
        @property
        def iteritems(self) -> str:
            looked_up.append(1)
            return "own"

    assert names.attribute_of(Counting(), "iteritems") == "own" and looked_up == [1]
    with pytest.raises(AttributeError, match="'int' object has no attribute 'iteritems'"):
        names.attribute_of(5, "iteritems")


def test_unicode() -> None:
    assert names.unicode("a") == "a" and type(names.unicode("a")) is str
    assert names.unicode(b"\xe9", "latin-1") == "é" and names.unicode(5) == "5"
    assert issubclass(str, names.unicode) and not issubclass(bytes, names.unicode)
    assert hash(names.unicode) == hash(str)
    assert issubclass(bytes, names.basestring)
    with pytest.raises(UnicodeDecodeError):
        names.unicode(b"\xe9")


def test_other_names() -> None:
    assert [names.cmp(1, 2), names.cmp(2, 2), names.cmp(3, 2)] == [-1, 0, 1]
    assert names.apply(max, (1, 2), {"key": abs}) == 2
    extended = modules.find("sys")
    assert names.reload(sys) is sys
    assert extended is not None and names.reload(extended) is extended
    assert names.reload(json) is json


def test_buffers_of_text_and_of_bytes() -> None:
    buffer = texts.StringIO()
    assert buffer.getvalue() == "" and buffer.read() == "" and list(buffer) == []
    buffer.writelines(["a\n", "b"])
    assert buffer.getvalue() == "a\nb"
    buffer.seek(0)
    assert list(buffer) == ["a\n", "b"]
    with texts.StringIO(b"12") as binary:
        assert binary.read() == b"12"
    with pytest.raises(AttributeError):
        _ = texts.StringIO().nothing


def test_data_of_requests_may_be_text(backend: Any) -> None:
    opener: Any = requests.build_opener()
    for open in (requests.urlopen, opener.open):
        with open(requests.Request(backend.url, "a=é")) as response:
            assert response.read() == b"hello"
        with open(backend.url, "a=é", timeout=10) as response:
            assert response.status == 200
    assert [seen.body for seen in backend.requests] == ["a=é".encode()] * 4
    request = requests.Request(backend.url)
    request.add_data("é")
    assert request.get_data() == "é".encode() and request.get_method() == "POST"


# -- syntax ----------------------------------------------------------------------------------------


def fault(source: str) -> SyntaxError:
    """What is said of a source that does not parse."""
    with pytest.raises(SyntaxError) as caught:
        parse(source, "old.py@3")
    return caught.value


@pytest.mark.parametrize(
    ("line", "python3"),
    [
        ("print 'a', 'b'", "print('a', 'b')"),
        ("print >>out, 'a'", "print('a', file=out)"),
        ("print >>out", "print(file=out)"),
        ("raise ValueError, 'a'", "raise ValueError('a')"),
        ("x = `1`", "x = repr(1)"),
        ("x = 1 <> 2", "x = 1 != 2"),
        ("x = 0777", "x = 0o777"),
        ("x = 10L", "x = 10"),
        ("x = 0777L", "x = 0o777"),
        ("x = ur'a'", "x = r'a'"),
        ("exec 'a' in b", "exec('a', b)"),
        ("def f(a, (b, c)): pass", "def f(a, xxx_todo_changeme): (b, c) = xxx_todo_changeme; pass"),
        ("try:\n    pass\nexcept KeyError, e: pass", "try:\n    pass\nexcept KeyError as e: pass"),
    ],
)
def test_each_syntax_is_recognized_and_rewritten(line: str, python3: str) -> None:
    error = fault(f"# first\n{line}\n")
    number = line.count("\n") + 2
    assert error.msg == (f"Python 2 in line {number}; zato migrate old.py shows it in Python 3")
    assert (error.filename, error.lineno) == ("old.py@3", number)
    assert rewrite(line) == python3


def test_many_lines_are_counted() -> None:
    source = "x = u'fine'\n" + "print 'a'\n" * 12
    shown = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"
    assert fault(source).msg.startswith(f"Python 2 in lines {shown}; ")


@pytest.mark.parametrize("source", ["x = = 1\n", "print 'a'\nx = = 1\n", "def f(:\n", "x = '\n"])
def test_what_is_no_python_2_either_is_told_as_python_3_tells_it(source: str) -> None:
    told = fault(source)
    with pytest.raises(SyntaxError) as caught:
        compile(source, "old.py@3", "exec")
    assert (told.msg, told.lineno) == (caught.value.msg, caught.value.lineno)
    with pytest.raises(NotPython2):
        rewrite(source)


def test_what_is_changed() -> None:
    assert changed_lines("a\nb\nc\n", "a\nB\nc\n") == [2]
    assert changed_lines("a\n", "x\na\n") == [1]
    assert changed_lines("a\n", "a\n") == []


@pytest.mark.parametrize(
    "source",
    ["print 'a'", "import urllib2", "from StringIO import StringIO", "x.iteritems", "long"],
)
def test_python_2(source: str) -> None:
    assert is_python2(source)


@pytest.mark.parametrize("source", ["print('a', file=x)", "import urllib.request", "long = 5"])
def test_python_3(source: str) -> None:
    assert not is_python2(source)
