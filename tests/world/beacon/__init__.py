"""A toy: one kind of resource, one view of it, one control on it, and what reports them.

`test_toy_kind_and_view` adds them to a copy of the product: one entry in `posture/kinds.py` (`ENTRY`), `beacons.py` in
`tui/views/`, `light.py` and `light.toml` in `posture/controls/toy/`.
"""

ENTRY = """    Kind(
        "beacon",
        "Beacons",
        (Col("CALL", 8), Col("LIT", verdict=("toy.beacon.lit",))),
        ends=("toy.beacon.lit",),
    ),
"""
