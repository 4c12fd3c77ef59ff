"""Checks a proof of `rapport audit prove`, on any machine with Python: check_proof.py PROOF [KEPT_SEAL]

Without KEPT_SEAL, a file of `rapport audit seal`, compare the hash that it prints with one that you trust.
"""

import base64
import hashlib
import json
import sys
from typing import Any


def check(proof: Any, kept: Any = None) -> tuple[bool, str]:
    """Whether the event is under the seal, and the hash of the last seal, which must be the kept one."""
    records = [record.encode() for record in [proof["seal"], *proof["chain"]]]
    seal, place, last = json.loads(records[0]), proof["index"], proof["count"] - 1
    event, position = base64.b64decode(proof["event"]), proof["position"].to_bytes(8, "big")
    node, good = hashlib.sha256(b"\0" + position + event).digest(), seal["count"] == proof["count"]
    good = good and 0 <= place <= last and seal["from"] <= proof["position"] <= seal["to"]
    for step in map(bytes.fromhex, proof["path"]):  # RFC 9162, 2.1.3.2
        good, right = good and last > 0, place % 2 or place == last
        node = hashlib.sha256(b"\1" + (step + node if right else node + step)).digest()
        while right and place and place % 2 == 0:
            place, last = place // 2, last // 2
        place, last = place // 2, last // 2
    good = good and last == 0 and node.hex() == seal["root"]
    hashes = [hashlib.sha256(record).hexdigest() for record in records]
    good = good and [json.loads(record)["previous"] for record in records[1:]] == hashes[:-1]
    return good and (kept is None or kept["record"].encode() == records[-1]), hashes[-1]


if __name__ == "__main__":
    files = [json.loads(open(name, "rb").read()) for name in sys.argv[1:3]]  # noqa: SIM115
    good, hashed = check(*files)
    said = "is under the seal" if good else "is NOT PROVEN to be under the seal"
    sys.stdout.write(f"The event at position {files[0]['position']} {said} with the hash {hashed}.\n")
    sys.exit(0 if good else 1)
