"""Conditional requests that check whether images have changed since the last fetch.

This is a separate module, because a first fetch and a build do not need it. An image whose recorded
reply has an ETag or a Last-Modified header is requested on condition that it has changed. If the
request fails, the copy from the last fetch is used, so a known image is never lost.
"""

import threading
from dataclasses import dataclass, field

from punkdata.errors import ImageError, LimitError, NetworkError, NotRecordedError
from punkdata.safe_text import redact_url
from punkdata.sources.opensea.api.client import DownloadedImage, OpenSeaClient
from punkdata.sources.opensea.http.error_replies import to_one_line

MAX_UNANSWERED = 32
"""Number of consecutive failed checks after which no more images are checked."""


@dataclass
class ImageChecks:
    """Results of the checks; may be shared between threads."""

    changed: list[str] = field(default_factory=list)
    """URLs of the images whose bytes have changed."""
    failed: list[str] = field(default_factory=list)
    """Reason for each image that could not be checked."""
    _num_unanswered: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get_image(self, client: OpenSeaClient, url: str) -> DownloadedImage:
        """Return an image, the known one unless it has changed; raises as the client does."""
        if self._num_unanswered >= MAX_UNANSWERED:
            try:
                return self._get_known(client, url, "the host did not answer earlier requests")
            except NotRecordedError:
                return client.get_image(url)
        try:
            image = client.get_image(url, check=True)
        except (ImageError, NetworkError, LimitError) as error:
            with self._lock:
                is_answer = isinstance(error, ImageError)
                self._num_unanswered = 0 if is_answer else self._num_unanswered + 1
                if isinstance(error, LimitError):
                    self._num_unanswered = MAX_UNANSWERED
            try:
                return self._get_known(client, url, error.message)
            except NotRecordedError:
                raise error from None
        with self._lock:
            self._num_unanswered = 0
            if image.has_changed:
                self.changed.append(url)
        return image

    def _get_known(self, client: OpenSeaClient, url: str, reason: str) -> DownloadedImage:
        image = client.get_image(url, only_recorded=True)
        with self._lock:
            self.failed.append(reason)
        return image

    def summarize(self) -> list[str]:
        """Return one line for the changed images, and one for those that could not be checked."""
        lines = []
        if n := len(self.changed):
            images = "1 image has" if n == 1 else f"{n:,} images have"
            example = to_one_line(redact_url(self.changed[0]), 120)
            lines.append(f"{images} changed since the last fetch (for example {example})")
        if n := len(self.failed):
            images = "1 image was" if n == 1 else f"{n:,} images were"
            lines.append(
                f"{images} not checked for changes, so the copies from the last fetch are used "
                f"({to_one_line(self.failed[0], 200)})"
            )
        return lines
