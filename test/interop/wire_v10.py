"""The other side of wire.test.ts: bittensor 10's own axon and dendrite, driven by JSON lines. Loopback only."""

import asyncio
import json
import socket
import sys
import time
from types import SimpleNamespace
from typing import ClassVar, Optional

import bittensor as bt
from bittensor.utils import networking
from bittensor_wallet import Keypair

# Asked by every Dendrite; the real one asks public services.
networking.get_external_ip = lambda: "203.0.113.1"


class GetAllocation(bt.Synapse):
    allocation: dict


class Retrieve(bt.Synapse):
    key: str
    data: Optional[str] = None
    required_hash_fields: ClassVar[tuple] = ("key",)


class Store(bt.Synapse):
    key: str
    data: str
    required_hash_fields: ClassVar[tuple] = ("key", "data")


CLASSES = {"Synapse": bt.Synapse, "GetAllocation": GetAllocation, "Retrieve": Retrieve, "Store": Store}


def start_axon(uri):
    key = Keypair.create_from_uri(uri)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    axon = bt.Axon(wallet=SimpleNamespace(hotkey=key, coldkeypub=key), port=port, ip="127.0.0.1", external_ip="127.0.0.1")
    axon.fast_config.host = "127.0.0.1"

    def retrieve(synapse: Retrieve) -> Retrieve:
        synapse.data = "value of " + synapse.key
        return synapse

    def store(synapse: Store) -> Store:
        return synapse

    def get_allocation(synapse: GetAllocation) -> GetAllocation:
        synapse.allocation = {"n_chunks": 7}
        return synapse

    for forward in (retrieve, store, get_allocation):
        axon.attach(forward_fn=forward)
    axon.start()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return axon, port
        except OSError:
            time.sleep(0.01)


def target(ask):
    return bt.AxonInfo(version=1, ip=ask["ip"], port=ask["port"], ip_type=4, hotkey=ask["hotkey"], coldkey=ask["hotkey"])


async def serve():
    dendrites = {}
    kept = []
    for line in sys.stdin:
        ask = json.loads(line)
        if ask["op"] == "axon":
            axon, port = start_axon(ask["uri"])
            kept.append(axon)
            answer = {"port": port}
        else:
            uri = ask["uri"]
            if uri not in dendrites:
                dendrites[uri] = bt.Dendrite(wallet=Keypair.create_from_uri(uri))
            dendrite = dendrites[uri]
            synapse = CLASSES[ask["name"]](**ask["fields"])
            if ask["op"] == "call":
                said = await dendrite.call(target(ask), synapse, timeout=10.0, deserialize=False)
                answer = {"status": said.dendrite.status_code, "message": said.dendrite.status_message, "isSuccess": said.is_success, "body": said.model_dump()}
            else:
                signed = dendrite.preprocess_synapse_for_request(target(ask), synapse, 10.0)
                answer = {"headers": signed.to_headers(), "body": json.dumps(signed.model_dump())}
        print(json.dumps(answer), flush=True)
    for dendrite in dendrites.values():
        await dendrite.aclose_session()


asyncio.run(serve())
