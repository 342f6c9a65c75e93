"""The other side of wire.test.ts: bittensor 11's btauth/1 helpers, driven by JSON lines."""

import base64
import json
import sys

from bittensor import http_auth
from bittensor.sp_core import Keypair

for line in sys.stdin:
    ask = json.loads(line)
    body = base64.b64decode(ask["body"])
    if ask["op"] == "sign":
        key = Keypair.create_from_uri(ask["uri"])
        answer = http_auth.sign(key, method=ask["method"], path=ask["path"], body=body, receiver_ss58=ask["receiver"], nonce_ns=ask.get("nonce"))
    else:
        try:
            caller = http_auth.verify(ask["headers"], body, method=ask["method"], path=ask["path"], self_hotkey_ss58=ask["receiver"])
            answer = {"caller": caller.hotkey_ss58}
        except http_auth.AuthError as error:
            answer = {"error": type(error).__name__}
    print(json.dumps(answer), flush=True)
