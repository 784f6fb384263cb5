"""Make Swift's rings, each with one device: `make_rings.py FOLDER account=PORT ...`, by Swift's Python."""

import sys
from pathlib import Path

from swift.common.ring import RingBuilder  # type: ignore[import-not-found] # it has an environment of its own


def make(folder: Path, kind: str, port: int) -> None:
    """Write the ring of one kind of server."""
    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
    device = {"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": port}
    builder.add_dev({**device, "device": "d1", "weight": 1.0})
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


for given in sys.argv[2:]:
    name, _, number = given.partition("=")
    make(Path(sys.argv[1]), name, int(number))
