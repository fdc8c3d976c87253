"""blinkpy's `download_videos`, a script: signs in once, then downloads. It fetches no thumbnails.

    with_blinkpy.py login URL CREDENTIALS EMAIL PASSWORD
    with_blinkpy.py download URL CREDENTIALS FOLDER PAGES

The sign-in is not measured. What it leaves in CREDENTIALS, the bare floor uses too.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, CookieJar
from blinkpy import auth
from blinkpy.blinkpy import Blink

from tests.clients.pointing import point_at


async def login(email: str, password: str) -> dict[str, Any]:
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        signed = auth.Auth({"username": email, "password": password}, no_prompt=True, session=session)
        await signed.startup()
        return dict(signed.login_attributes)


async def download(credentials: dict[str, Any], folder: str, pages: int) -> None:
    async with ClientSession() as session:
        blink = Blink(session=session)
        blink.auth = auth.Auth(credentials, no_prompt=True, session=session)
        blink.setup_urls()
        await blink.download_videos(folder, since="1970-01-02", stop=pages, delay=0)


def main(verb: str, url: str, kept: str, *rest: str) -> None:
    point_at(url)
    credentials = Path(kept)
    if verb == "login":
        credentials.write_text(json.dumps(asyncio.run(login(*rest))))
        return
    folder, pages = rest
    asyncio.run(download(json.loads(credentials.read_text()), folder, int(pages)))
    files = list(Path(folder).glob("*.mp4"))
    print(json.dumps({"clips": len(files), "bytes": sum(file.stat().st_size for file in files)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
