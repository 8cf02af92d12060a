"""
Where it is kept what machines add to measurements: beside their runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent_perf import codec
from agent_perf.records import MachineNoise


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseStore:
    """
    Sessions of one machine: ``<root>/<machine>/noise-<time>.json``.

    Attributes:
        root: The folder of results; made when first written to.
        machine: Name of the machine.
    """

    root: Path
    machine: str

    def save(self, noise: MachineNoise) -> Path:
        """
        Write *noise*, so that it is there whole or not at all; return its file.

        Raises:
            StoreError: If it cannot be written.
        """
        stamp = "".join(sign for sign in noise.measured_at if sign.isalnum())
        path = self.root / self.machine / f"noise-{stamp}.json"
        codec.write_atomic(path, codec.dump_noise(noise))
        return path

    def latest(self) -> MachineNoise | None:
        """
        Return the last session; None if there is none.

        Raises:
            StoreError: If it cannot be read.
        """
        paths = sorted((self.root / self.machine).glob("noise-*.json"))
        if not paths:
            return None
        return codec.load_noise(codec.read_file(paths[-1]), str(paths[-1]))
