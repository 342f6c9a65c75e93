"""The other side of wallet.test.ts: the wallet of the `bittensor` package in whose environment this runs.

Reads one JSON object from stdin, prints one on the last line of stdout. Works with 10.x (bittensor_wallet) and 11.x.
"""
import ctypes
import json
import os
import sys

try:
    from bittensor_wallet import Keypair, Wallet
    from bittensor_wallet import keyfile as files
except ImportError:
    import bittensor_core as files
    from bittensor.keyfiles import Keypair
    from bittensor.wallet import Wallet


def make(folder, password):
    """A wallet with an encrypted coldkey, a plain hotkey, and hotkeys from a URI and from a seed."""
    wallet = Wallet(name="theirs", hotkey="plain", path=folder)
    keyfile = wallet.coldkey_file
    wallet.create_new_coldkey(use_password=True, overwrite=True, suppress=True, coldkey_password=password)
    wallet.create_new_hotkey(use_password=False, overwrite=True, suppress=True)
    made = {"coldkey": wallet.coldkeypub.ss58_address, "plain": wallet.hotkey.ss58_address}
    for hotkey, seed in (("seeded", "0x" + "c3" * 32), ("text", "0x" + "17" * 32)):
        seeded = Wallet(name="theirs", hotkey=hotkey, path=folder)
        seeded.regenerate_hotkey(seed=seed, use_password=False, overwrite=True, suppress=True)
        made[hotkey] = seeded.hotkey.ss58_address
    alice = Keypair.create_from_uri("//Alice")
    with open(os.path.join(folder, "theirs", "hotkeys", "uri"), "wb") as file:
        file.write(bytes(files.serialized_keypair_to_keyfile_data(alice)))
    made["uri"] = alice.ss58_address
    keyfile.save_password_to_env(password)
    variable = keyfile.env_var_name()
    # Set from Rust, which os.environ does not see.
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    value = getenv(variable.encode())
    if hasattr(files, "legacy_encrypt_keyfile_data"):
        with open(os.path.join(folder, "theirs", "hotkeys", "vault"), "wb") as file:
            file.write(bytes(files.legacy_encrypt_keyfile_data(bytes(files.serialized_keypair_to_keyfile_data(alice)), password)))
        made["vault"] = alice.ss58_address
    return {"made": made, "variable": variable, "value": value.decode()}


def read(folder, hotkeys, message, signatures):
    """Opens our wallet, the coldkey with the password from its variable, and signs and verifies with every key."""
    keys = {}
    wallet = Wallet(name="ours", hotkey=hotkeys[0], path=folder)
    keys["coldkey"] = wallet.get_coldkey()
    for hotkey in hotkeys:
        keys[hotkey] = Wallet(name="ours", hotkey=hotkey, path=folder).hotkey
    return {
        "addresses": {name: key.ss58_address for name, key in keys.items()},
        "pubs": {"coldkey": wallet.coldkeypub.ss58_address, hotkeys[0]: wallet.hotkeypub.ss58_address},
        "signatures": {name: bytes(key.sign(message.encode())).hex() for name, key in keys.items()},
        "verified": {name: bool(keys[name].verify(message.encode(), bytes.fromhex(signature[2:]))) for name, signature in signatures.items()},
    }


def deserialize(contents):
    """The address that each plain key file's text gives, or null."""
    addresses = []
    for content in contents:
        try:
            key = files.deserialize_keypair_from_keyfile_data(content.encode())
            key.sign(b"x")
            addresses.append(key.ss58_address)
        except Exception:
            addresses.append(None)
    return {"addresses": addresses}


order = json.load(sys.stdin)
print(json.dumps({"make": make, "read": read, "deserialize": deserialize}[order.pop("do")](**order)))
