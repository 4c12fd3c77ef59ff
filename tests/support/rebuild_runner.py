"""A rebuild as a process of its own, to be killed: `python -m tests.support.rebuild_runner '<JSON>'`.

JSON: owner and store (URLs), bootstrap, workers. It carries on with the rebuild of `pipeline` version 2.
"""

from __future__ import annotations

import json
import sys

from consumers.kafka.address import KafkaAddress
from consumers.rebuild.rebuild import Endpoints
from consumers.rebuild.run import carry_on
from domain.events.catalogue import CATALOGUE
from tests.support.pipeline_v2 import PIPELINE_V2
from tests.support.rebuilding import cipher


def main() -> None:
    """Carries on to the hand-over."""
    told = json.loads(sys.argv[1])
    places = Endpoints(
        owner_url=told["owner"],
        store_url=told["store"],
        address=KafkaAddress(bootstrap=told["bootstrap"]),
        registry=CATALOGUE,
        cipher=cipher,
    )
    carry_on(PIPELINE_V2, places, workers=told["workers"])


if __name__ == "__main__":
    main()
