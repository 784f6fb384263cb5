"""Pictures of pages: made the same each time, and compared with those that are kept in
docs/pictures, which the documentation shows.
"""

from __future__ import annotations

import base64
import socket
import struct
import zlib
from pathlib import Path

from playwright.sync_api import Page

from tools.project import TOP

FOLDER = TOP / "docs/pictures"
MOST_BYTES = 60_000
TOLERANCE = 0.01
"""Share of the pixels that may differ."""
STILL = """
(host) => {
  const replaced = [
    [/\\b\\d{4}-\\d\\d-\\d\\d(?:[ T]\\d\\d:\\d\\d(?::\\d\\d)?(?:\\.\\d+)?)?/g, "2026-03-02 09:30:00"],
    [/\\b\\d\\d:\\d\\d:\\d\\d\\b/g, "09:30:00"],
    [/\\bK[0-9A-F]{27}\\b/g, "K0123456789ABCDEF0123456789A"],
    [/\\b(127\\.0\\.0\\.1|localhost):\\d+/g, "$1:17010"],
    [/\\b\\d+(?:[.,]\\d+)?\\s?(µs|ms|s|min|h|d|MiB|MB|KB)\\b/g, "12 $1"],
    [/(?<![\\d.])(?!127\\.)\\d+\\.\\d+\\.\\d+[0-9a-z.+]*/g, "1.0.0"],
    [/\\bquickstart-\\d+/g, "quickstart-1"],
    [/\\bpid \\d+/g, "pid 1234"],
    [/\\brevision \\d+/g, "revision 12"],
    [/\\/tmp\\/[^\\s]*/g, "/opt/hansa"],
  ];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    let text = walker.currentNode.nodeValue;
    for (const [pattern, put] of replaced) text = text.replace(pattern, put);
    const words = text.trim().split(" ");
    const isHost = words[0] === host && words.slice(1).every((word) => /^\\d+$/.test(word));
    walker.currentNode.nodeValue = isHost ? ["host1", "1234"].slice(0, words.length).join(" ") : text;
  }
  const figures = ["240", "3", "18", "7", "96", "12", "31", "5"];
  const cells = [...document.querySelectorAll("td.number, dl.figures dd, dl.figures dd a")];
  cells.filter((cell) => !cell.children.length).forEach((cell, number) => {
    if (/^[\\d.,]+( \\S+)?$/.test(cell.textContent.trim())) {
      cell.textContent = cell.textContent.replace(/[\\d.,]+/, figures[number % figures.length]);
    }
  });
  for (const input of document.querySelectorAll("input")) {
    for (const [pattern, put] of replaced) {
      const text = input.value.replace(pattern, put);
      if (text !== input.value) input.value = text;
    }
  }
  for (const bar of document.querySelectorAll("svg.bar-of-time rect")) {
    bar.setAttribute("x", 100);
    bar.setAttribute("width", 300);
  }
  for (const told of document.querySelectorAll("[data-told]")) told.remove();
  const style = document.createElement("style");
  style.textContent = `
    body, input, button, select, textarea { font-family: "DejaVu Sans" !important }
    code, pre, textarea { font-family: "DejaVu Sans Mono" !important }
    * { caret-color: transparent !important }`;
  document.head.append(style);
  if (document.activeElement) document.activeElement.blur();
}
"""
"""Puts the same into all that changes from run to run: times, ids, ports, durations, counts."""
READ = """
() => {
  window.readPicture = async (data) => {
    const image = new Image();
    image.src = "data:image/png;base64," + data;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height);
  };
}
"""
"""Defines what reads the pixels of a picture, from PNG in base64."""
COLOURS = """
async (data) => {
  const image = await readPicture(data);
  const pixels = image.data;
  const colourAt = (at) => (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
  const counts = new Map();
  for (let at = 0; at < pixels.length; at += 4) {
    const colour = colourAt(at);
    counts.set(colour, (counts.get(colour) || 0) + 1);
  }
  const parts = (colour) => [colour >> 16, (colour >> 8) & 255, colour & 255];
  const frequent = [...counts].sort((one, other) => other[1] - one[1]).slice(0, 256);
  const palette = frequent.map(([colour]) => parts(colour));
  const numbers = new Map(frequent.map(([colour], number) => [colour, number]));
  const nearest = (colour) => {
    const wanted = parts(colour);
    let [found, least] = [0, Infinity];
    palette.forEach((one, number) => {
      const far = one.reduce((sum, part, at) => sum + (part - wanted[at]) ** 2, 0);
      if (far < least) [found, least] = [number, far];
    });
    return found;
  };
  for (const colour of counts.keys()) {
    if (!numbers.has(colour)) numbers.set(colour, nearest(colour));
  }
  let indices = "";
  for (let at = 0; at < pixels.length; at += 4) {
    indices += String.fromCharCode(numbers.get(colourAt(at)));
  }
  return [image.width, image.height, palette.flat(), btoa(indices)];
}
"""
"""Reads a picture: its size, its 256 most frequent colours, and for each pixel the number of the
nearest one.
"""
COMPARE = """
async ([first, second]) => {
  const [a, b] = [await readPicture(first), await readPicture(second)];
  if (a.width !== b.width || a.height !== b.height) return 1;
  let different = 0;
  for (let at = 0; at < a.data.length; at += 4) {
    let most = 0;
    for (let part = 0; part < 3; part += 1) {
      most = Math.max(most, Math.abs(a.data[at + part] - b.data[at + part]));
    }
    if (most > 48) different += 1;
  }
  return different / (a.width * a.height);
}
"""


def picture(page: Page) -> bytes:
    """Return a picture of what is seen of a page, as PNG."""
    page.evaluate(STILL, socket.gethostname())
    content = page.screenshot(type="png", animations="disabled", caret="hide", scale="css")
    page.evaluate(READ)
    width, height, palette, indices = page.evaluate(COLOURS, base64.b64encode(content).decode())
    return png(width, height, bytes(palette), base64.b64decode(indices))


def png(width: int, height: int, palette: bytes, indices: bytes) -> bytes:
    """Return a picture with a palette as PNG (ISO/IEC 15948), a third of the size of one without."""
    rows = b"".join(
        b"\0" + indices[start : start + width] for start in range(0, len(indices), width)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", header),
        (b"PLTE", palette),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def kept(name: str) -> Path:
    """Return the file of a picture."""
    return FOLDER / f"{name}.png"


def difference(blank: Page, first: bytes, second: bytes) -> float:
    """Return the share of pixels in which two pictures differ; 1 if their sizes do."""
    blank.evaluate(READ)
    texts = [base64.b64encode(one).decode() for one in (first, second)]
    found: float = blank.evaluate(COMPARE, texts)
    return found
