"""From a model's name on the command line to a model that is ready to be asked."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from hardwon.models.caching import Cached
from hardwon.models.http import Server, is_loopback
from hardwon.models.limiting import Limited
from hardwon.models.local import LocalModel, LocalServer, local_name
from hardwon.models.metering import Metered
from hardwon.models.prices import FREE, Price, PriceTable
from hardwon.models.protocol import Model, ModelError
from hardwon.models.provider import Provider
from hardwon.models.providers.anthropic import AnthropicProvider
from hardwon.models.providers.google import GoogleProvider
from hardwon.models.providers.local import LocalProvider
from hardwon.models.providers.openai import OpenAIProvider
from hardwon.models.providers.scripted import ScriptedProvider
from hardwon.models.refusing import Refusing
from hardwon.models.replaying import ReplayModel
from hardwon.models.retrying import Retrying
from hardwon.models.settings import Settings

_FORMS = (
    "openai:NAME (any OpenAI-compatible server), anthropic:NAME, google:NAME, "
    "local:FILE (GGUF), scripted:FILE (YAML or JSON), or replay"
)


@dataclass(frozen=True, slots=True)
class _Hosted:
    """A kind of server that wants a key."""

    provider: Callable[..., Provider]
    url: str
    url_variables: tuple[str, ...]
    key_variables: tuple[str, ...]
    usual_path: str = ""


_HOSTED = {
    "openai": _Hosted(
        OpenAIProvider,
        "https://api.openai.com/v1",
        ("OPENAI_BASE_URL",),
        ("OPENAI_API_KEY",),
        "/v1",
    ),
    "anthropic": _Hosted(
        AnthropicProvider,
        "https://api.anthropic.com",
        ("ANTHROPIC_BASE_URL",),
        ("ANTHROPIC_API_KEY",),
    ),
    "google": _Hosted(
        GoogleProvider,
        "https://generativelanguage.googleapis.com",
        ("GOOGLE_GEMINI_BASE_URL",),
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ),
}

_ENDPOINTS = ("/chat/completions", "/completions", "/messages")
_UNLIMITED = 1 << 16
"""Requests at a time, where there is no server to spare."""


def connect(spec: str, settings: Settings | None = None) -> Model:
    """Return the model that a name stands for. Nothing is sent yet.

    Args:
        spec: "openai:NAME", "anthropic:NAME", "google:NAME", "local:FILE", "scripted:FILE", or
            "replay" of `Settings.recorded`.
        settings: how to reach it; models connected with the same value share its ledger.

    Returns:
        The model; a `LocalModel` for "local:FILE".

    Raises:
        ModelError: if there is no such kind of model, or it lacks a library, a key, a file, or a
            price that a cap needs. Says what to do.
    """
    settings = settings or Settings()
    kind, _, name = spec.partition(":")
    if kind == "replay":
        return _replay(name, settings)
    if not name.strip() or kind not in {*_HOSTED, "local", "scripted"}:
        meant = probably(spec)
        hint = f"; did you mean {meant}?" if meant else ""
        raise ModelError(f"{spec!r} names no model; expected {_FORMS}{hint}")
    if kind == "local":
        path = Path(name).expanduser()
        server = LocalServer(
            path, context=settings.context, slots=settings.slots, threads=settings.threads
        )
        provider: Provider = LocalProvider(
            local_name(path),
            server,
            timeout=settings.timeout,
            thinking_tokens=settings.thinking_tokens,
        )
        model = _wrap(provider, settings, str(server.path), FREE, most=server.slots)
        return LocalModel(server, model)
    if kind == "scripted":
        provider = ScriptedProvider(Path(name).expanduser(), sleep=settings.sleep)
        return _wrap(provider, settings, provider.name, FREE, most=_UNLIMITED)
    return _hosted(spec, kind, name, settings)


def probably(spec: str) -> str | None:
    """Return what somebody may have meant by a name that is of no form; None if nobody knows."""
    spec = spec.strip()
    kind, colon, name = spec.partition(":")
    if not colon:
        suffix = Path(spec).suffix.lower()
        by_suffix = {".gguf": "local", ".yaml": "scripted", ".yml": "scripted", ".json": "scripted"}
        by_name = {"claude": "anthropic", "gemini": "google"}
        known = by_suffix.get(suffix) or next(
            (kind for start, kind in by_name.items() if spec.lower().startswith(start)), "openai"
        )
        return f"{known}:{spec}" if spec and spec not in {*_HOSTED, "local", "scripted"} else None
    kind = kind.strip().lower()
    if not name.strip() or not kind:
        return None
    if kind in {*_HOSTED, "local", "scripted", "replay"}:
        return f"{kind}:{name.strip()}"
    return f"openai:{name.strip()}, with the server's --base-url"


def price_of(spec: str, settings: Settings | None = None) -> Price | None:
    """Return the price of a model; None if it is not known.

    Models that run on this machine are free.

    Raises:
        ModelError: if a price table cannot be read, or the base URL is none.
    """
    settings = settings or Settings()
    kind, _, name = spec.partition(":")
    if kind not in _HOSTED:
        return FREE
    host = _parts(_url(kind, settings), _HOSTED[kind]).hostname or ""
    known = PriceTable.load(settings.prices).find(kind, host, name)
    return known or (FREE if is_loopback(host) else None)


def _hosted(spec: str, kind: str, name: str, settings: Settings) -> Model:
    hosted = _HOSTED[kind]
    url = _url(kind, settings)
    parts = _parts(url, hosted)
    key = _key(spec, hosted, settings)
    if key is None and not is_loopback(parts.hostname or ""):
        raise ModelError(
            f"{spec} needs a key: set {' or '.join(hosted.key_variables)} in the environment"
        )
    price = price_of(spec, settings)
    if price is None and settings.ledger.caps.max_usd is not None:
        raise ModelError(
            f"the price of {spec} at {parts.hostname} is not known, so that no cap in US dollars "
            "can hold; add it to a price table (--prices), or use a cap in tokens (--max-tokens)"
        )
    server = Server(spec, url, key, hosted.key_variables[0], hosted.usual_path)
    try:
        provider = hosted.provider(
            spec, server, name, timeout=settings.timeout, thinking_tokens=settings.thinking_tokens
        )
    except ModelError:
        raise
    except Exception as error:
        # Libraries read variables of their own, such as those of proxies, and raise what they like.
        raise ModelError(f"{spec} cannot be used: {server.hide(str(error))}") from error
    known = url.rstrip("/") == hosted.url
    return _wrap(
        provider,
        settings,
        f"{kind} {server.place}",
        price,
        cached_as="" if known else server.place,
    )


def _wrap(
    provider: Provider,
    settings: Settings,
    place: str,
    price: Price | None,
    *,
    most: int | None = None,
    cached_as: str = "",
) -> Model:
    """Put around a provider what is the same for all: from the inside to the outside."""
    ledger = settings.ledger
    metered = Metered(provider, ledger, price=price, timeout=settings.timeout)
    # Inside the gate: a prompt is known to be too long by the time the last samples' turn comes.
    limited = Limited(Refusing(metered), settings.gate(place, most))
    retrying = Retrying(limited, attempts=settings.attempts, wait=settings.wait)
    return Cached(
        retrying,
        record=settings.record,
        cache=settings.cache,
        finishing=partial(getattr, ledger, "cap_reached"),
        place=cached_as,
    )


def _replay(name: str, settings: Settings) -> Model:
    stores = [store for store in (settings.record, settings.cache) if store is not None]
    recorded = settings.recorded or name
    if not recorded or not stores:
        raise ModelError("a replay needs a recorded run: where it is, and the name of its model")
    return ReplayModel(recorded, stores)


def _url(kind: str, settings: Settings) -> str:
    hosted = _HOSTED[kind]
    return (settings.base_url or "").strip() or _first(hosted.url_variables) or hosted.url


def _parts(url: str, hosted: _Hosted) -> SplitResult:
    """Return the parts of a base URL.

    Raises:
        ModelError: if it is none; says what one looks like.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        hint = "" if "://" in url else f" or http://{url}"
        raise ModelError(f"{url!r} is no base URL; expected e.g. {hosted.url}{hint}")
    for end in _ENDPOINTS:
        if parts.path.rstrip("/").endswith(end):
            raise ModelError(f"{url!r} is the address of one service; give it without {end}")
    return parts


def _key(spec: str, hosted: _Hosted, settings: Settings) -> str | None:
    """Return the key without white space around it, which files and shells leave there.

    Raises:
        ModelError: if no header can carry it; does not show it.
    """
    key = (settings.api_key or "").strip() or _first(hosted.key_variables)
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise ModelError(
            f"the key for {spec} is none: expected one line of ASCII without spaces; see "
            f"{' or '.join(hosted.key_variables)} in the environment"
        )
    return key


def _first(variables: tuple[str, ...]) -> str | None:
    """Return the first environment variable that is set to something, without space around it."""
    values = (os.environ.get(name, "").strip() for name in variables)
    return next(filter(None, values), None)
