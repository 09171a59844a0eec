"""Files from https:// and s3://, brought into a temporary folder as a stream, once, and only what was asked for."""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
import shutil
import threading
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pluto_duck.errors import SourceError, UnknownName, UsageError
from pluto_duck.ingest.connectors.file_formats import format_of, loadable

BLOCK_BYTES = 1 << 20
TIMEOUT_S = 30
SPARE_BYTES = 1 << 28
"""Left free on the disk."""
MAX_FILES = 10_000
_ENDINGS = {"text/csv": ".csv", "application/json": ".json", "application/x-ndjson": ".ndjson",
            "application/vnd.apache.parquet": ".parquet", "text/tab-separated-values": ".tsv",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx"}


def is_remote(uri: str) -> bool:
    return bool(re.match(r"(https?|s3)://", uri, re.I))


class RemoteFiles:
    """One address. Its user, password and query are never shown."""

    def __init__(self, uri: str) -> None:
        parts = urllib.parse.urlsplit(uri)
        self._uri, self._parts = uri, parts
        self._stopped = threading.Event()
        self._versions: dict[str, Any] = {}
        try:
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            raise UsageError("The address has no proper port.", hint="https://host:443/file.csv") from None
        self.shown = f"{parts.scheme.lower()}://{parts.hostname or ''}{port}{parts.path}"
        if not parts.hostname:
            raise UsageError("The address names no host.", hint="https://host/file.csv or s3://bucket/file.parquet")
        if parts.scheme.lower() == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise UsageError(f"{self.shown} would come unprotected over the network.", hint="Use https://")

    @property
    def many(self) -> bool:
        """True where the address may mean several files."""
        return self._parts.scheme.lower() == "s3" and (
            not format_of(self._parts.path) or bool(re.search(r"[*?\[]", self._uri)))

    def stop(self) -> None:
        self._stopped.set()

    def state(self) -> Mapping[str, Any]:
        return dict(self._versions)

    def fetched(self, folder: Path, options: Mapping[str, str]) -> list[Path]:
        """The files as they lie in `folder` now."""
        if self._parts.scheme.lower() == "s3":
            return self._from_s3(folder, options)
        return [self._from_web(folder)]

    # -- https ------------------------------------------------------------------------------------

    def _from_web(self, folder: Path) -> Path:
        import http.client
        import urllib.error
        import urllib.request
        from base64 import b64encode

        host = self._parts.netloc.rpartition("@")[2]
        path = urllib.parse.quote(self._parts.path, safe="/%:@!$&'()*+,;=")
        request = urllib.request.Request(
            urllib.parse.urlunsplit((self._parts.scheme, host, path, self._parts.query, "")),
            headers={"User-Agent": "pluto-duck", "Accept-Encoding": "identity"})
        if self._parts.username:
            pair = f"{urllib.parse.unquote(self._parts.username)}:{urllib.parse.unquote(self._parts.password or '')}"
            request.add_unredirected_header("Authorization", "Basic " + b64encode(pair.encode()).decode())
        try:
            with urllib.request.build_opener(_SafeRedirects()).open(request, timeout=TIMEOUT_S) as answer:
                name = _name(self._parts.path, answer.headers)
                expected = answer.headers.get("Content-Length")
                self._versions[self.shown] = [answer.headers.get("ETag"), answer.headers.get("Last-Modified"), expected]
                return self._stored(answer, folder / name, int(expected) if expected else None)
        except urllib.error.HTTPError as error:
            hint = {401: "It wants a user and password: https://USER:PASSWORD@host/...", 403: "May you read it?",
                    404: "Is the address spelled right?"}.get(error.code, "Try again later; the server has a problem."
                                                              if error.code >= 500 else "")
            raise SourceError(f"{self.shown} answered {error.code} {error.reason}.", hint=hint) from None
        except urllib.error.URLError as error:
            raise SourceError(f"{self.shown} can't be reached: {error.reason}.",
                              hint="Is the host right, and up?") from None
        except (OSError, ValueError) as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"{self.shown} broke off: {error}.", hint="Run it again.") from None
        except http.client.HTTPException as error:
            raise SourceError(f"{self.shown} answered with what is no HTTP ({type(error).__name__}).",
                              hint="Is the port right? Is it https://?") from None

    def _stored(self, source: Any, target: Path, expected: int | None) -> Path:
        import http.client

        free = shutil.disk_usage(target.parent).free
        if expected is not None and expected > free - SPARE_BYTES:
            raise SourceError(f"{self.shown} has {expected:,} bytes, more than the disk holds.",
                              hint="Free some space, or set TMPDIR to a larger disk.")
        size = 0
        with open(target, "wb") as out:
            while True:
                if self._stopped.is_set():
                    raise SourceError(f"{self.shown} was stopped.", hint="Run it again.")
                try:
                    block = source.read(BLOCK_BYTES)
                except http.client.IncompleteRead as error:
                    block, expected = error.partial, size + len(error.partial) + (error.expected or 1)
                if not block:
                    break
                size += len(block)
                if size > free - SPARE_BYTES:
                    raise SourceError(f"{self.shown} is larger than the disk.", hint="Set TMPDIR to a larger one.")
                out.write(block)
        if expected is not None and size < expected:
            raise SourceError(f"{self.shown} broke off after {size:,} of {expected:,} bytes.", hint="Run it again.")
        return target

    # -- s3 ---------------------------------------------------------------------------------------

    def _from_s3(self, folder: Path, options: Mapping[str, str]) -> list[Path]:
        from pyarrow import fs

        bucket, pattern = self._parts.hostname or "", self._uri.split("/", 3)[3:] or [""]
        bucket = self._uri.split("/")[2]
        store = _s3(options)
        try:
            found = self._keys(store, bucket, pattern[0])
            paths: list[Path] = []
            for info in found:
                target = folder / f"{len(paths)}" / posixpath.basename(info.path)
                target.parent.mkdir(exist_ok=True)
                with store.open_input_stream(info.path) as source:
                    paths.append(self._stored(source, target, info.size))
                self._versions[f"s3://{info.path}"] = [info.size, info.mtime_ns]
            return paths
        except OSError as error:
            raise SourceError(f"{self.shown} can't be read: {_s3_reason(str(error))}.",
                              hint="Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the server from "
                                   "AWS_ENDPOINT_URL, the region from AWS_REGION.") from None
        finally:
            del store, fs

    def _keys(self, store: Any, bucket: str, pattern: str) -> list[Any]:
        from pyarrow import fs

        if not re.search(r"[*?\[]", pattern):
            info = store.get_file_info(f"{bucket}/{pattern}".rstrip("/"))
            if info.type == fs.FileType.File:
                return [info]
        prefix = re.split(r"[*?\[]", pattern)[0]
        base = f"{bucket}/{prefix.rpartition('/')[0] if prefix != pattern else prefix}".rstrip("/")
        infos = store.get_file_info(fs.FileSelector(base, recursive="**" in pattern or prefix == pattern,
                                                    allow_not_found=True))
        files = [one for one in infos if one.type == fs.FileType.File]
        found = [one for one in files if (format_of(one.path) if prefix == pattern else
                                          fnmatch.fnmatchcase(one.path, f"{bucket}/{pattern.replace('**/', '*')}"))]
        if not found:
            raise UnknownName(f"No file fits {self.shown}.", hint=loadable([posixpath.basename(o.path) for o in files]),
                              kind="file", name=self.shown)
        if len(found) > MAX_FILES:
            raise UsageError(f"{self.shown} means {len(found):,} files.", hint=f"At most {MAX_FILES:,} at once.")
        return sorted(found, key=lambda one: str(one.path))


def _name(path: str, headers: Any) -> str:
    """A file's name whose ending says what it is, if anything does."""
    given = headers.get_filename() or urllib.parse.unquote(posixpath.basename(path)) or "file"
    name = re.sub(r"[/\\\0]", "_", given)[-200:].lstrip(".") or "file"
    return name if format_of(name) else name + _ENDINGS.get(headers.get_content_type(), "")


def _SafeRedirects() -> Any:
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            RemoteFiles(newurl)  # never from https to http, nor to ftp or a file
            if not newurl.lower().startswith(("http://", "https://")) or (
                    req.full_url.startswith("https:") and not newurl.startswith("https:")):
                raise SourceError("The server sends on to an unprotected address.", hint="Use the address it means.")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return Redirects()


def _s3(options: Mapping[str, str]) -> Any:
    from pyarrow import fs

    given: dict[str, Any] = {}
    endpoint = options.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        scheme, _, host = endpoint.rpartition("://")
        given |= {"endpoint_override": host.rstrip("/"), "scheme": scheme or "https"}
    region = options.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region or endpoint:
        given["region"] = region or "us-east-1"
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        given |= {"access_key": os.environ["AWS_ACCESS_KEY_ID"], "secret_key": os.environ.get("AWS_SECRET_ACCESS_KEY"),
                  "session_token": os.environ.get("AWS_SESSION_TOKEN")}
    elif not os.environ.get("AWS_PROFILE") and not Path("~/.aws").expanduser().exists():
        given["anonymous"] = True  # else its library asks a cloud machine's own address for keys
    return fs.S3FileSystem(connect_timeout=10, request_timeout=TIMEOUT_S,
                           retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2), **given)


def _s3_reason(said: str) -> str:
    """AWS's words without addresses and keys."""
    known = {"NoSuchBucket": "there is no such bucket", "NO_SUCH_BUCKET": "there is no such bucket",
             "ACCESS_DENIED": "access is denied", "403": "access is denied", "InvalidAccessKeyId": "the key is unknown",
             "INVALID_ACCESS_KEY_ID": "the key is unknown", "SIGNATURE": "the secret key is wrong",
             "NETWORK_CONNECTION": "the server can't be reached", "404": "there is no such file"}
    return next((words for mark, words in known.items() if mark in said), "the store answered with an error")
