"""Draws the simulator's clips and thumbnails: run by hand, never imported by the package.

    python blink_archive/simulator/clips/make_clips.py

Needs PyAV with libx264. Writes `{scene}-{seconds}s.mp4` and `.jpg` beside itself, and one of the films
once more for live views, as `live.ts`; the package reads these files. All drawing is spans of bytes in
the three planes of a YUV 4:2:0 picture, so that nothing but PyAV is needed.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

HERE = Path(__file__).parent
WIDTH, HEIGHT, FPS = 640, 360, 12

RGB = tuple[int, int, int]


def yuv(red: int, green: int, blue: int) -> tuple[int, int, int]:
    """A colour in BT.601 limited range, as cameras write it."""
    return (
        round(16 + 0.257 * red + 0.504 * green + 0.098 * blue),
        round(128 - 0.148 * red - 0.291 * green + 0.439 * blue),
        round(128 + 0.439 * red - 0.368 * green - 0.071 * blue),
    )


class Picture:
    """Three planes and a few shapes; coordinates are in pixels and may lie outside."""

    def __init__(self, planes: tuple[bytearray, bytearray, bytearray] | None = None) -> None:
        half = WIDTH * HEIGHT // 4
        self.planes = planes or (
            bytearray(b"\x10" * (WIDTH * HEIGHT)),
            bytearray(b"\x80" * half),
            bytearray(b"\x80" * half),
        )

    def copy(self) -> "Picture":
        y, u, v = self.planes
        return Picture((bytearray(y), bytearray(u), bytearray(v)))

    def span(self, row: int, left: float, right: float, colour: tuple[int, int, int]) -> None:
        """One horizontal run of pixels; chroma is written on even rows."""
        start, stop = max(0, round(left)), min(WIDTH, round(right))
        if not 0 <= row < HEIGHT or stop <= start:
            return
        y, u, v = self.planes
        y[row * WIDTH + start : row * WIDTH + stop] = bytes([colour[0]]) * (stop - start)
        if row % 2 == 0:
            base = row // 2 * (WIDTH // 2)
            first, last = start // 2, (stop + 1) // 2
            u[base + first : base + last] = bytes([colour[1]]) * (last - first)
            v[base + first : base + last] = bytes([colour[2]]) * (last - first)

    def box(self, left: float, top: float, right: float, bottom: float, rgb: RGB) -> None:
        for row in range(round(top), round(bottom)):
            self.span(row, left, right, yuv(*rgb))

    def oval(self, x: float, y: float, wide: float, high: float, rgb: RGB) -> None:
        for row in range(math.floor(y - high), math.ceil(y + high) + 1):
            reach = 1 - ((row - y) / high) ** 2
            if reach > 0:
                self.span(row, x - wide * math.sqrt(reach), x + wide * math.sqrt(reach), yuv(*rgb))

    def wedge(self, x: float, top: float, bottom: float, widths: tuple[float, float], rgb: RGB) -> None:
        """A trapezium around `x`: half of `widths[0]` at the top to half of `widths[1]` at the bottom."""
        for row in range(round(top), round(bottom)):
            share = (row - top) / (bottom - top)
            half = (widths[0] * (1 - share) + widths[1] * share) / 2
            self.span(row, x - half, x + half, yuv(*rgb))

    def fade(self, top: int, bottom: int, upper: RGB, lower: RGB) -> None:
        for row in range(top, bottom):
            share = (row - top) / max(1, bottom - top)
            mixed = [round(a + (b - a) * share) for a, b in zip(upper, lower, strict=True)]
            self.span(row, 0, WIDTH, yuv(mixed[0], mixed[1], mixed[2]))

    def pane(self, left: int, top: int, right: int, bottom: int) -> None:
        """A piece of sky, as a window shows it."""
        for row in range(top, bottom):
            share = (row - top) / (bottom - top)
            self.span(row, left, right, yuv(round(130 + 80 * share), round(180 + 45 * share), 236))

    def frame(self) -> VideoFrame:
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, data in zip(frame.planes, self.planes, strict=True):
            wide = plane.width
            rows = (bytes(data[at : at + wide]) for at in range(0, len(data), wide))
            plane.update(b"".join(row.ljust(plane.line_size, b"\0") for row in rows))
        return frame


def garden() -> Picture:
    picture = Picture()
    picture.fade(0, 150, (120, 180, 235), (214, 232, 245))
    picture.oval(540, 60, 34, 34, (255, 236, 150))
    picture.fade(150, HEIGHT, (110, 165, 84), (64, 118, 56))
    picture.oval(100, 130, 90, 70, (58, 112, 60))
    picture.oval(190, 120, 70, 60, (70, 130, 66))
    picture.box(88, 150, 108, 215, (96, 70, 48))
    for post in range(0, WIDTH, 32):
        picture.box(post, 150, post + 22, 200, (168, 124, 84))
        picture.wedge(post + 11, 140, 150, (2, 22), (168, 124, 84))
    picture.wedge(420, 200, HEIGHT, (40, 250), (206, 190, 160))
    for x, y in ((60, 250), (120, 290), (190, 255), (570, 270), (600, 320)):
        picture.oval(x, y, 9, 9, (214, 72, 92))
        picture.oval(x, y, 3, 3, (252, 220, 110))
    return picture


def door() -> Picture:
    picture = Picture()
    picture.fade(0, HEIGHT, (206, 186, 164), (176, 154, 132))
    for row in range(0, 300, 24):
        picture.box(0, row, WIDTH, row + 2, (160, 140, 120))
    picture.box(60, 60, 220, 300, (246, 244, 238))
    picture.box(72, 72, 208, 300, (38, 84, 96))
    for top in (90, 190):
        picture.box(90, top, 190, top + 80, (50, 104, 116))
    picture.oval(196, 190, 6, 6, (226, 190, 90))
    picture.box(300, 70, 470, 190, (246, 244, 238))
    picture.pane(312, 82, 458, 178)
    picture.box(382, 82, 388, 178, (246, 244, 238))
    picture.fade(300, HEIGHT, (142, 134, 126), (104, 98, 94))
    picture.box(56, 300, 226, 322, (120, 66, 60))
    picture.oval(540, 300, 40, 16, (150, 84, 60))
    picture.oval(540, 262, 46, 44, (64, 124, 70))
    return picture


def driveway() -> Picture:
    picture = Picture()
    picture.fade(0, 140, (246, 190, 140), (250, 226, 190))
    picture.wedge(320, 40, 140, (0, 900), (150, 138, 150))
    picture.fade(140, HEIGHT, (132, 158, 96), (92, 122, 70))
    picture.wedge(330, 140, HEIGHT, (90, 620), (112, 112, 118))
    for top in range(150, HEIGHT, 40):
        picture.wedge(330, top, top + 18, (3 + top / 60, 4 + top / 50), (226, 222, 206))
    picture.box(20, 80, 190, 220, (190, 172, 160))
    picture.wedge(105, 30, 80, (60, 230), (126, 66, 58))
    picture.box(50, 130, 160, 220, (236, 236, 232))
    for top in range(140, 220, 16):
        picture.box(50, top, 160, top + 2, (200, 200, 198))
    return picture


def room() -> Picture:
    picture = Picture()
    picture.fade(0, 240, (232, 222, 206), (222, 206, 188))
    picture.fade(240, HEIGHT, (166, 122, 86), (136, 98, 68))
    picture.box(400, 40, 580, 170, (250, 250, 246))
    picture.pane(410, 50, 570, 160)
    picture.box(486, 50, 494, 160, (250, 250, 246))
    picture.box(60, 190, 330, 290, (92, 116, 140))
    picture.box(60, 150, 330, 210, (108, 132, 156))
    picture.box(48, 180, 80, 290, (82, 104, 128))
    picture.box(310, 180, 342, 290, (82, 104, 128))
    picture.box(120, 50, 230, 120, (70, 58, 52))
    picture.pane(128, 58, 222, 112)
    picture.oval(480, 320, 130, 26, (188, 92, 84))
    return picture


def night() -> Picture:
    """The garden as an infrared lamp shows it: grey, bright in the middle."""
    picture = garden()
    luma, u, v = picture.planes
    for row in range(HEIGHT):
        for column in range(WIDTH):
            away = math.hypot((column - 330) / 420, (row - 220) / 260)
            at = row * WIDTH + column
            luma[at] = round(22 + max(0.0, 1 - away) * (luma[at] - 30) * 0.9)
    u[:] = b"\x80" * len(u)
    v[:] = b"\x80" * len(v)
    return picture


def walker(picture: Picture, when: float, length: float) -> None:
    """A person who crosses the picture, swinging arms and legs."""
    x = 140 + 420 * when / length
    y, swing = 215 + 10 * math.sin(when * 1.3), math.sin(when * 7)
    picture.box(x - 12 + swing * 10, y + 44, x - 2 + swing * 10, y + 96, (52, 58, 84))
    picture.box(x + 2 - swing * 10, y + 44, x + 12 - swing * 10, y + 96, (60, 66, 94))
    picture.oval(x, y + 20, 20, 32, (200, 76, 60))
    picture.oval(x + swing * 14, y + 26, 7, 22, (180, 64, 52))
    picture.oval(x, y - 22, 14, 16, (228, 188, 158))
    picture.oval(x, y - 32, 14, 8, (84, 58, 42))


def car(picture: Picture, when: float, length: float) -> None:
    """A car that comes up the drive, stops, and leaves."""
    near = math.sin(math.pi * min(1.0, when / length)) ** 0.8
    size, y = 40 + 120 * near, 160 + 130 * near
    picture.oval(330, y + size * 0.22, size * 0.62, size * 0.09, (84, 84, 88))
    for side in (-1, 1):
        picture.oval(330 + side * size * 0.4, y + size * 0.18, size * 0.11, size * 0.14, (34, 34, 38))
    picture.box(330 - size * 0.55, y - size * 0.16, 330 + size * 0.55, y + size * 0.16, (48, 92, 158))
    picture.wedge(330, y - size * 0.46, y - size * 0.16, (size * 0.6, size), (40, 78, 136))
    picture.wedge(330, y - size * 0.42, y - size * 0.18, (size * 0.5, size * 0.86), (176, 206, 226))
    for side in (-1, 1):
        picture.oval(330 + side * size * 0.42, y, size * 0.08, size * 0.06, (255, 246, 196))


def cat(picture: Picture, when: float, length: float) -> None:
    """A cat that trots from right to left."""
    x, y = 600 - 560 * when / length, 290 + 6 * math.sin(when * 9)
    for leg, phase in ((-24, 0.0), (-14, 2.0), (16, 1.0), (26, 3.0)):
        lift = 8 * math.sin(when * 11 + phase)
        picture.box(x + leg + lift - 3, y + 8, x + leg + lift + 4, y + 32, (70, 62, 58))
    picture.oval(x, y, 36, 15, (92, 82, 76))
    picture.oval(x - 40, y - 14, 15, 13, (92, 82, 76))
    picture.wedge(x - 50, y - 36, y - 20, (1, 12), (92, 82, 76))
    picture.wedge(x - 32, y - 36, y - 20, (1, 12), (92, 82, 76))
    picture.oval(x + 46, y - 14 + 4 * math.sin(when * 5), 6, 20, (92, 82, 76))


def stamp(picture: Picture, when: float) -> None:
    """A bar like a timestamp: cells that count the seconds, and a light that blinks."""
    picture.box(12, 330, 232, 350, (20, 20, 24))
    for bit in range(10):
        on = int(when) >> (9 - bit) & 1
        picture.box(20 + bit * 18, 335, 32 + bit * 18, 345, (236, 236, 236) if on else (70, 70, 76))
    if when % 1 < 0.5:
        picture.oval(216, 340, 6, 6, (232, 60, 60))


@dataclass(frozen=True, slots=True)
class Film:
    scene: str
    seconds: int
    backdrop: Callable[[], Picture]
    figure: Callable[[Picture, float, float], None]
    faststart: bool

    @property
    def stem(self) -> str:
        return f"{self.scene}-{self.seconds:02}s"


FILMS = (
    Film("garden", 2, garden, cat, faststart=False),
    Film("room", 4, room, cat, faststart=True),
    Film("door", 6, door, walker, faststart=True),
    Film("night", 9, night, cat, faststart=False),
    Film("garden", 12, garden, walker, faststart=True),
    Film("door", 15, door, walker, faststart=False),
    Film("driveway", 20, driveway, car, faststart=False),
    Film("driveway", 30, driveway, car, faststart=True),
)

LIVE = FILMS[-1]


def pictures(film: Film) -> Iterator[Picture]:
    backdrop = film.backdrop()
    for number in range(film.seconds * FPS):
        picture, when = backdrop.copy(), number / FPS
        film.figure(picture, when, film.seconds)
        stamp(picture, when)
        yield picture


def write_clip(film: Film) -> None:
    options = {"movflags": "faststart"} if film.faststart else {}
    with av.open(str(HERE / f"{film.stem}.mp4"), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "27", "preset": "veryslow"})
        if not isinstance(stream, VideoStream):
            raise TypeError("libx264 is no video encoder here")
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in pictures(film):
            container.mux(stream.encode(picture.frame()))
        container.mux(stream.encode(None))


def write_thumbnail(film: Film) -> None:
    middle = list(pictures(film))[film.seconds * FPS // 2]
    encoder = av.CodecContext.create("mjpeg", "w")
    if not isinstance(encoder, VideoCodecContext):
        raise TypeError("mjpeg is no video encoder here")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.options = {"qmin": "5", "qmax": "5"}
    frame = middle.frame().reformat(format="yuvj420p", src_color_range=1, dst_color_range=2)
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    (HERE / f"{film.stem}.jpg").write_bytes(b"".join(bytes(packet) for packet in packets))


def write_live_view(film: Film) -> None:
    """The film's own pictures, not encoded again, as the MPEG-TS that a live view sends."""
    with (
        av.open(str(HERE / f"{film.stem}.mp4")) as clip,
        av.open(str(HERE / "live.ts"), "w", format="mpegts") as stream,
    ):
        copied = stream.add_stream_from_template(clip.streams.video[0])
        for packet in clip.demux(clip.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copied
                stream.mux(packet)


def main() -> None:
    for film in FILMS:
        write_clip(film)
        write_thumbnail(film)
    write_live_view(LIVE)


if __name__ == "__main__":
    main()
