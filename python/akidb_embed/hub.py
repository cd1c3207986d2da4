"""Models by name: the Hugging Face cache, and downloads into it by the library's own code."""
from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

from . import _interrupt, _library

_FOLDER_BYTES = 4096


def _certificates() -> bytes | None:
    """Where this machine keeps the certificates that it trusts. The libcurl in a wheel knows the place on Debian only."""
    import ssl

    paths = ssl.get_default_verify_paths()
    for path in (paths.cafile, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                 "/etc/ssl/cert.pem"):
        if path is not None and os.path.exists(path):
            return os.fsencode(path)
    try:
        import certifi  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return os.fsencode(certifi.where())


def _print_progress(_cookie: Any, now: Any) -> bool:
    progress = now.contents
    done = f"{progress.done / 1e6:.0f} MB"
    of = f" of {progress.total / 1e6:.0f} MB" if progress.total else ""
    print(f"\r{progress.file_index + 1}/{progress.file_count} {progress.file.decode()}: {done}{of}\x1b[K", end="", file=sys.stderr, flush=True)
    return True


def _text(value: str | os.PathLike[str] | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def locate(name: str | os.PathLike[str], *, cache_folder: str | os.PathLike[str] | None = None, revision: str | None = None,
           token: str | None = None, local_files_only: bool = False, pull: bool = False, progress: bool | None = None) -> str:
    """The folder with the files of the model ``name``: a folder that exists, else a snapshot in the cache, else a download.

    Args:
        name: a folder, or a model's name on the hub such as ``"sentence-transformers/all-MiniLM-L6-v2"``.
        cache_folder: the cache; without it as huggingface_hub: ``HF_HUB_CACHE``, else ``$HF_HOME/hub``, else ``~/.cache/huggingface/hub``.
        revision: branch, tag or commit; ``"main"`` without it.
        token: for models that need one; without it ``HF_TOKEN``.
        local_files_only: never touch the network.
        pull: ask the hub even where the cache has the model, and repair what is damaged there.
        progress: show what is downloaded; without it where stderr is a terminal.

    Raises:
        ModelError: there is no such model.
        DownloadError: it could not be downloaded.
    """
    if os.path.isdir(os.path.expanduser(name)):
        return os.path.expanduser(os.fspath(name))
    show = sys.stderr.isatty() if progress is None else progress
    folder = ctypes.create_string_buffer(_FOLDER_BYTES)
    error = _library.Error()
    options = _library.HubOptions(_text(cache_folder), _text(revision), _text(token), _certificates(), local_files_only, pull,
                                  _library.HUB_PROGRESS(_print_progress) if show else _library.HUB_PROGRESS())
    locate_function = _library.hub_locate()

    def run(cancel: Any) -> int:
        options.cancel = cancel
        status: int = locate_function(os.fsencode(name), options, ctypes.sizeof(options), folder, _FOLDER_BYTES, error)
        return status

    status = _interrupt.call(run, is_short=False)
    if show:
        print("\r\x1b[K", end="", file=sys.stderr)
    if status != 0:
        raise _library.exception(error)
    return os.fsdecode(folder.value)
