"""HTTPS and WSS under the service's own names, with a throw-away authority: every kind of client is convinced."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from emulator.config import Config, ConfigError
from emulator.server import Emulator, StartError
from emulator.tls import NAMES, throw_away

KEY = {"Authorization": "Bearer KEY_tls"}
NODE_MODULES = Path(__file__).parent / "browser" / "node_modules"


@pytest.fixture
async def secured() -> AsyncIterator[Emulator]:
    async with Emulator(Config(port=0, tls=True)) as emulator:
        yield emulator


@pytest.fixture
async def ca(secured: Emulator, tmp_path: Path) -> Path:
    async with aiohttp.ClientSession() as http, http.get(f"{secured.admin_url}/ca.pem") as answer:
        assert answer.status == 200
        pem = await answer.text()
    path = tmp_path / "ca.pem"
    path.write_text(pem)
    return path


async def run(*command: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        told = (await process.communicate())[0].decode()
    assert process.returncode == 0, told
    return told


async def test_rest_and_signaling_answer_under_each_name(secured: Emulator, ca: Path) -> None:
    trust = ssl.create_default_context(cafile=str(ca))
    for name in (*NAMES, "127.0.0.1"):
        connector = aiohttp.TCPConnector(resolver=Everywhere("127.0.0.1"))
        async with aiohttp.ClientSession(headers=KEY, connector=connector) as http:
            async with http.get(f"https://{name}:{secured.tls_port}/v2/rooms", ssl=trust) as answer:
                assert answer.status == 200
            url = f"wss://{name}:{secured.tls_port}/0ccc7b54-4df3-4bca-a65a-3da1ecc777f0/janus"
            async with http.ws_connect(url, ssl=trust, protocols=("janus-protocol",)) as ws:
                assert ws.protocol == "janus-protocol"


class Everywhere(aiohttp.abc.AbstractResolver):
    """Every name is this machine."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[aiohttp.abc.ResolveResult]:
        found = {
            "hostname": host,
            "host": self._address,
            "port": port,
            "family": socket.AF_INET,
            "proto": 0,
            "flags": 0,
        }
        return [aiohttp.abc.ResolveResult(**found)]

    async def close(self) -> None:
        pass


async def test_redirect_script_that_came_over_tls_sends_sockets_back_over_tls(secured: Emulator, ca: Path) -> None:
    trust = ssl.create_default_context(cafile=str(ca))
    url = f"https://localhost:{secured.tls_port}/_emulator/redirect.js"
    async with aiohttp.ClientSession() as http, http.get(url, ssl=trust) as answer:
        assert f'"wss://localhost:{secured.tls_port}"' in await answer.text()


async def test_without_the_authority_nobody_is_convinced(secured: Emulator) -> None:
    async with aiohttp.ClientSession(headers=KEY) as http:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.get(f"https://localhost:{secured.tls_port}/v2/rooms")


async def test_curl_and_openssl_accept_it_under_the_services_name(secured: Emulator, ca: Path) -> None:
    there = f"127.0.0.1:{secured.tls_port}"
    told = await run(
        "curl", "-s", "--cacert", str(ca), "--connect-to", f"api.telnyx.com:443:{there}",
        "-H", "Authorization: Bearer KEY_tls", "https://api.telnyx.com/v2/rooms",
    )  # fmt: skip
    assert json.loads(told)["data"] == []


async def test_python_sdk_trusts_it_through_the_environment(secured: Emulator, ca: Path) -> None:
    code = "import telnyx; print([room.id for room in telnyx.Telnyx().rooms.list()])"
    base = f"https://localhost:{secured.tls_port}/v2"
    told = await run(sys.executable, "-c", code, SSL_CERT_FILE=str(ca), TELNYX_BASE_URL=base, TELNYX_API_KEY="KEY_tls")
    assert told.strip() == "[]"


async def test_node_sdk_trusts_it_through_the_environment(secured: Emulator, ca: Path) -> None:
    code = """
      const Telnyx = require(process.argv[1] + '/telnyx');
      new Telnyx().rooms.list().then((page) => console.log(page.data.length, 'rooms'));
    """
    base = f"https://localhost:{secured.tls_port}/v2"
    told = await run(
        "node", "-e", code, str(NODE_MODULES),
        NODE_EXTRA_CA_CERTS=str(ca), TELNYX_BASE_URL=base, TELNYX_API_KEY="KEY_tls",
    )  # fmt: skip
    assert told.strip() == "0 rooms"


def test_authority_may_speak_for_nobody_else() -> None:
    ca = x509.load_pem_x509_certificate(throw_away("127.0.0.2").ca_pem.encode())
    constraints = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    allowed = {str(name.value) for name in constraints.value.permitted_subtrees or ()}
    assert allowed == {*NAMES, "127.0.0.1/32", "::1/128", "127.0.0.2/32"}
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


async def test_info_and_openapi_tell_of_it(secured: Emulator, emulator: Emulator) -> None:
    assert secured.info()["tls_port"] == secured.tls_port
    async with aiohttp.ClientSession() as http, http.get(f"{emulator.admin_url}/ca.pem") as answer:
        assert answer.status == 404
        assert "--tls" in (await answer.json())["errors"][0]["detail"]
    index = f"http://127.0.0.1:{secured.port}/_emulator/"
    async with aiohttp.ClientSession() as http, http.get(index, headers={"Accept": "text/html"}) as answer:
        assert '<a href="/_emulator/ca.pem">' in await answer.text()
    assert "tls_port" not in emulator.info()


async def test_port_that_is_taken_is_named_with_its_option(secured: Emulator) -> None:
    taken = Emulator(Config(port=0, tls=True, tls_port=secured.tls_port))
    with pytest.raises(StartError, match=rf"Port {secured.tls_port} .* is taken.*--tls-port"):
        await taken.start()
    with pytest.raises(ConfigError, match="tls_port: expected a number from 0 to 65535"):
        Config(tls=True, tls_port=70000)


def test_serve_tells_how_to_come_here(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "emulator"]
    serve = [*command, "serve", "--port", "0", "--tls", "--tls-port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
    try:
        wait = [*command, "wait", "--ready-file", str(ready), "--timeout", "60"]
        subprocess.run(wait, check=True, timeout=90)
        told = json.loads(ready.read_text())
    finally:
        process.terminate()
        printed = process.communicate(timeout=20)[0]
    assert f"MAP video.telnyx.com 127.0.0.1:{told['tls_port']}" in printed
    assert f"--ignore-certificate-errors-spki-list={told['tls_spki']}" in printed
    assert "NODE_EXTRA_CA_CERTS=ca.pem" in printed
