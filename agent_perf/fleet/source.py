"""
The files that a worker measures: found where they are, or sent.

A worker that sees the client's folder with the same commits and benchmarks uses it. To
others the files of the commits are sent once, as git packs them, without their history.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from agent_perf.config import Config
from agent_perf.errors import RepositoryError, UsageError
from agent_perf.repository import Repository, unpack_repository

_SENT_BYTES_MAX: Final = 1 << 30
"""What is sent goes through the scheduler's memory, and into that of each worker."""
_KEPT_MAX: Final = 4
"""Sources that a worker keeps: each range of commits is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    What is to be measured, without its content.

    Attributes:
        root: The repository on the client's machine.
        commits: 40 hex digits each.
        benchmarks: Today's benchmark package, relative to *root*.
        today: Digest of that package's files.
        under_test: As in Config.
        path: As Config.source.
    """

    root: str
    commits: tuple[str, ...]
    benchmarks: str
    today: str
    under_test: tuple[str, ...]
    path: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Names the content, wherever it is."""
        return sha256(msgspec.json.encode((self.commits, self.benchmarks, self.today))).hexdigest()

    @property
    def config(self) -> Config:
        """What lay_out needs to know."""
        return Config(benchmarks=self.benchmarks, under_test=self.under_test, source=self.path)


class _Parcel(msgspec.Struct):
    """What is sent: a pack of git, and a tar file of today's benchmarks."""

    pack: bytes
    today: bytes


def source_of(repository: Repository, commits: Sequence[str], config: Config) -> Source:
    """Return what is to be measured of *repository*; *commits* are resolved."""
    return Source(
        root=str(repository.root.resolve()),
        commits=tuple(commits),
        benchmarks=config.benchmarks,
        today=_digest(repository.root / config.benchmarks),
        under_test=config.under_test,
        path=config.source,
    )


def parcel(source: Source) -> bytes:
    """
    Return all that a worker needs which does not see *source*'s folder.

    Raises:
        UsageError: If it is too large to be sent.
    """
    root = Path(source.root)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for path in _files(root / source.benchmarks):
            archive.add(path, path.relative_to(root).as_posix(), recursive=False)
    pack = Repository(root=root).pack(source.commits)
    size = len(pack) + tar.tell()
    if size > _SENT_BYTES_MAX:
        raise UsageError(
            f"the files of {len(source.commits)} commits are {size >> 20} MiB, and at most "
            f"{_SENT_BYTES_MAX >> 20} are sent; put {root} on a file system that the workers "
            "share, at the same path, or measure a shorter range"
        )
    return msgspec.msgpack.encode(_Parcel(pack=pack, today=tar.getvalue()))


def find_repository_of(source: Source, commits: Sequence[str], kept: Path) -> Repository | None:
    """
    Return where *source* can be laid out from; None if it has to be sent.

    Args:
        source: What is to be measured.
        commits: Those of it that must be there.
        kept: Folder of what was sent to this worker.
    """
    if (kept / source.digest / ".git" / "shallow").is_file():
        (kept / source.digest).touch()
        return Repository(root=kept / source.digest)
    root = Path(source.root)
    try:
        if _digest(root / source.benchmarks) == source.today:
            shared = Repository(root=root)
            if len(shared.known(commits)) == len(commits):
                return shared
    except (OSError, RepositoryError):
        # Another machine's folder: what is there is somebody else's, if anything is.
        return None
    return None


def keep(source: Source, sent: bytes, kept: Path) -> None:
    """
    Unpack what parcel returned into folder *kept*, which holds few others afterwards.

    Raises:
        RepositoryError: If git cannot read it.
    """
    content = msgspec.msgpack.decode(sent, type=_Parcel)
    kept.mkdir(parents=True, exist_ok=True)
    folder = kept / source.digest
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(content.today)) as tar:
        tar.extractall(folder, filter="data")
    # Last, for its end is the mark of a source that is whole.
    unpack_repository(folder, content.pack, source.commits)
    others = sorted(kept.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in others[:-_KEPT_MAX]:
        shutil.rmtree(old, ignore_errors=True)


def _digest(folder: Path) -> str:
    digest = sha256()
    for path in _files(folder):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below *folder* in a fixed order, but what Python compiled."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
