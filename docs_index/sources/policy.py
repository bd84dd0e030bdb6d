"""When a kept page may be used: Scrapy's policy of RFC 2616, and validators for pages that say `no-cache`, too."""

from __future__ import annotations

from typing import Any

from scrapy.extensions.httpcache import RFC2616Policy


class Policy(RFC2616Policy):
    """`no-cache` means: ask whether it changed. Scrapy's own policy asks for the whole page then."""

    def is_cached_response_fresh(self, cachedresponse: Any, request: Any) -> bool:
        fresh = bool(super().is_cached_response_fresh(cachedresponse, request))
        if not fresh:
            for name, validator in ((b"ETag", b"If-None-Match"), (b"Last-Modified", b"If-Modified-Since")):
                if name in cachedresponse.headers:
                    request.headers[validator] = cachedresponse.headers[name]
        return fresh
