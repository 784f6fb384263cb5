"""The health check of the image: ends with status 0 if the server of this container is alive; its port
is 11223 unless it is given.
"""

import http.client
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 11223
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
try:
    connection.request("GET", "/hansa/live")
    sys.exit(connection.getresponse().status != 200)
except OSError:
    sys.exit(1)
