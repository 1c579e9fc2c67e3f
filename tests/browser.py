"""A headless Chromium for tests, spoken to by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
import time
import urllib.request
from pathlib import Path
from typing import Any

from processes import Processes, wait_until
from tornado.websocket import WebSocketClientConnection, websocket_connect

PATIENCE = 60.0
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-port=0"
).split()


class Browser:
    """One page of a browser of its own. Each call blocks; `wait_for` waits for a condition, never for time."""

    def __init__(self, processes: Processes, width: int = 1100, height: int = 700) -> None:
        program = shutil.which("chromium")
        if program is None:
            raise FileNotFoundError("there is no chromium: run tools/jupyter_packages.sh")
        folder = processes.folder / f"chromium-{len(processes.all)}"
        command = [program, *_FLAGS, f"--user-data-dir={folder}", f"--window-size={width},{height}", "about:blank"]
        self.process = processes.start(command, HOME=str(folder))
        self._loop = asyncio.new_event_loop()
        self._numbers = itertools.count(1)
        self.messages: list[str] = []
        """What the pages have said on their consoles: errors and warnings."""
        port = wait_until(lambda: self._port(folder / "DevToolsActivePort"), "the browser's port")
        where = wait_until(lambda: self._page(port), "the browser's page")
        self._socket: WebSocketClientConnection = self._loop.run_until_complete(self._connect(where))
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    @staticmethod
    async def _connect(where: str) -> WebSocketClientConnection:
        return await websocket_connect(where, max_message_size=2**28)

    def _port(self, file: Path) -> int | None:
        if not self.process.running:
            raise RuntimeError(f"the browser has ended:\n{self.process.output}")
        try:
            return int(file.read_text().split()[0])
        except (OSError, IndexError, ValueError):
            return None

    @staticmethod
    def _page(port: int) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
        except OSError:
            return None
        return pages[0]["webSocketDebuggerUrl"] if pages else None

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What a method of the protocol answers; RuntimeError when it refuses."""
        return self._loop.run_until_complete(asyncio.wait_for(self._ask(method, parameters), PATIENCE))

    async def _ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.write_message(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            text = await self._socket.read_message()
            if text is None:
                raise RuntimeError(f"the browser has closed the connection:\n{self.process.output}")
            message = json.loads(text)
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            if message.get("method") == "Page.javascriptDialogOpening":  # "leave this page?"
                answer = {
                    "id": next(self._numbers),
                    "method": "Page.handleJavaScriptDialog",
                    "params": {"accept": True},
                }
                await self._socket.write_message(json.dumps(answer))
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.messages.append(details.get("exception", {}).get("description", details["text"]))
        elif message.get("method") == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            self.messages.append(" ".join(str(one.get("value", one.get("description"))) for one in told["args"]))
        elif message.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.messages.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is loaded."""
        self._call("Page.navigate", url=url)
        here = json.dumps(url.partition("?")[0].partition("#")[0])
        self.wait_for(f"document.readyState === 'complete' && location.href.startsWith({here})")

    def run(self, script: str) -> Any:
        """The value of an expression in the page, promises awaited; RuntimeError with its error."""
        answer = self._call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", script))
        return answer["result"].get("value")

    def wait_for(self, script: str, seconds: float = PATIENCE) -> None:
        """Wait until an expression in the page is true."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(RuntimeError):  # between two pages there is no place to run it
                if self.run(f"Boolean({script})"):
                    return
            if time.monotonic() > deadline:
                text = self.run("document.body.innerText")
                raise TimeoutError(f"{script}: not within {seconds:g} s; {self.messages}; the page says:\n{text}")
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Click on the first element that matches and that the mouse can reach; wait for it if need be."""
        find = (
            f"(() => {{ for (const one of document.querySelectorAll({json.dumps(selector)})) {{"
            " const { left, top, width, height } = one.getBoundingClientRect();"
            " const x = left + width / 2, y = top + height / 2;"
            " if (width && !one.disabled && one.contains(document.elementFromPoint(x, y))) return { x, y };"
            " } return null; })()"
        )
        self.wait_for(find)
        place = self.run(find)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, **place, button="left", clickCount=1)

    def type(self, selector: str, text: str) -> None:
        """Put text into an input field, as if it were typed."""
        self.wait_for(f"document.querySelector({json.dumps(selector)}) !== null")
        self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)}); one.value = {json.dumps(text)}; "
            "one.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )

    def press(self, key: str, code: int) -> None:
        """Press a key, by its name and its number in Windows, on what has the focus."""
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def text(self, selector: str) -> str:
        """The text that is shown of the first element that matches, '' when there is none."""
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def screenshot(self, file: Path) -> None:
        """A picture of the page, as PNG."""
        file.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        """End the browser."""
        self._socket.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
        self.process.stop()
