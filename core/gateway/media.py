"""What the paths beside chat take: sound both ways, reranking, moderation."""

from typing import Any

from starlette.datastructures import FormData, UploadFile

from core.gateway import bodies, fields
from core.gateway.bodies import Body
from core.gateway.errors import InvalidBody
from core.gateway.fields import Reader, wrong

# OpenAI's own limit.
MOST_SOUND_BYTES = 25 * 1024 * 1024
MOST_DOCUMENTS = 1_000
# Sound is priced in tokens: so many for a second.
TOKENS_PER_SECOND = 10
# Speech is never squeezed further, so that a file's size says how long it can be at most.
FEWEST_BYTES_PER_SECOND = 1_000
# What recorders and phones make of it, 64 kbit/s: where nobody says how long it was.
USUAL_BYTES_PER_SECOND = 8_000
# Eight channels of studio quality.
MOST_BYTES_PER_SECOND = 8 * 192_000 * 4
# PCM in whole numbers, in floats, and either with more to its header.
_PLAIN_WAVE = frozenset({1, 3, 0xFFFE})
MOST_SPOKEN_CHARACTERS = 4_096
_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


def read_speech(raw: bytes) -> Body:
    """Read the body of `/v1/audio/speech`.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    body = bodies.parse(raw)
    upstream = _needed(body, _SPEECH, "input", "voice")
    return Body(
        kind="speech",
        model=bodies.model_of(body),
        upstream=upstream,
        max_output_tokens=0,
        # A token for a character, which is how vendors price it.
        counted_input=len(upstream["input"]),
        dropped=bodies.dropped(body, {**_SPEECH, "model": fields.text}),
        fingerprint=bodies.fingerprint("speech", raw),
    )


def read_rerank(raw: bytes) -> Body:
    """Read the body of `/v1/rerank`.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    body = bodies.parse(raw)
    upstream = _needed(body, _RERANK, "query", "documents")
    return Body(
        kind="rerank",
        model=bodies.model_of(body),
        upstream=upstream,
        max_output_tokens=0,
        dropped=bodies.dropped(body, {**_RERANK, "model": fields.text}),
        fingerprint=bodies.fingerprint("rerank", raw),
    )


def read_moderation(raw: bytes) -> Body:
    """Read the body of `/v1/moderations`.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    body = bodies.parse(raw)
    upstream = _needed(body, _MODERATION, "input")
    return Body(
        kind="moderation",
        model=bodies.model_of(body),
        upstream=upstream,
        max_output_tokens=0,
        dropped=bodies.dropped(body, {**_MODERATION, "model": fields.text}),
        fingerprint=bodies.fingerprint("moderation", raw),
    )


async def read_transcription(form: FormData, raw: bytes) -> Body:
    """Read the form of `/v1/audio/transcriptions`.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    sound = form.get("file")
    if not isinstance(sound, UploadFile):
        raise wrong("file", "a file with sound")
    content = await sound.read()
    if not 0 < len(content) <= MOST_SOUND_BYTES:
        raise wrong("file", f"a file of at most {MOST_SOUND_BYTES // 1024 // 1024} MB")
    given = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    body: dict[str, Any] = {**given, **_numbers(given)}
    upstream = fields.only(body, _TRANSCRIPTION)
    wants = upstream.pop("response_format", "json")
    seconds = seconds_of(content)
    return Body(
        kind="transcription",
        model=bodies.model_of(body),
        upstream={
            **upstream,
            "file": (_plain_name(sound.filename), content, "application/octet-stream"),
            "response_format": "verbose_json" if wants == "verbose_json" else "json",
        },
        max_output_tokens=seconds * TOKENS_PER_SECOND,
        counted_input=seconds * TOKENS_PER_SECOND,
        estimated_input=usual_seconds_of(content) * TOKENS_PER_SECOND,
        wants_text=wants == "text",
        dropped=bodies.dropped(body, {**_TRANSCRIPTION, "model": fields.text}),
        fingerprint=bodies.fingerprint("transcription", raw),
    )


def seconds_of(sound: bytes) -> int:
    """Return how long a sound is: exactly for WAV, else at most, by its size."""
    return -(-len(sound) // (_wave_rate(sound) or FEWEST_BYTES_PER_SECOND))


def usual_seconds_of(sound: bytes) -> int:
    """Return how long a sound is: exactly for WAV, else as if it were squeezed as is usual."""
    return -(-len(sound) // (_wave_rate(sound) or USUAL_BYTES_PER_SECOND))


def _wave_rate(sound: bytes) -> int:
    """Return how many bytes of a plain WAV make a second; 0 for anything else.

    The header says so as well, but nobody who plays it looks there.
    """
    is_wave = sound[:4] == b"RIFF" and sound[8:12] == b"WAVE" and sound[12:16] == b"fmt "
    codec, channels, samples, bits = (
        int.from_bytes(sound[start:end], "little")
        for start, end in ((20, 22), (22, 24), (24, 28), (34, 36))
    )
    if not is_wave or codec not in _PLAIN_WAVE:
        return 0
    rate = samples * channels * bits // 8
    return rate if FEWEST_BYTES_PER_SECOND <= rate <= MOST_BYTES_PER_SECOND else 0


def _needed(body: dict[str, Any], readers: dict[str, Reader], *names: str) -> dict[str, Any]:
    upstream = fields.only(body, readers)
    for name in names:
        if name not in upstream:
            raise wrong(name, "there")
    return upstream


def _numbers(given: dict[str, str]) -> dict[str, float]:
    try:
        return {"temperature": float(given["temperature"])} if "temperature" in given else {}
    except ValueError:
        raise wrong("temperature", "a number") from None


def _plain_name(name: str | None) -> str:
    """Return a file's name without anything but its ending, by which providers know the format."""
    ending = (name or "").rpartition(".")[2].lower()
    return f"sound.{ending}" if ending.isalnum() and len(ending) <= 5 else "sound.mp3"


def _voice(value: Any, param: str) -> str:
    return fields.text(value, param, least=1, most=100)


def _spoken(value: Any, param: str) -> str:
    return fields.text(value, param, least=1, most=MOST_SPOKEN_CHARACTERS)


def _documents(value: Any, param: str) -> list[str]:
    found = []
    for index, each in enumerate(fields.items(value, param, most=MOST_DOCUMENTS)):
        text = each.get("text") if isinstance(each, dict) else each
        found.append(fields.text(text, f"{param}[{index}]", least=1))
    return found


def _no_stream(value: Any, param: str) -> bool:
    if str(value).lower() in {"true", "1"}:
        raise InvalidBody("Transcriptions are not streamed here.", param=param)
    return False


_SPEECH: dict[str, Reader] = {
    "input": _spoken,
    "voice": _voice,
    "response_format": fields.one_of(*_FORMATS),
    "speed": fields.a_number(0.25, 4),
    "instructions": _spoken,
}
_RERANK: dict[str, Reader] = {
    "query": lambda value, param: fields.text(value, param, least=1),
    "documents": _documents,
    "top_n": fields.a_whole_number(1, MOST_DOCUMENTS),
    "return_documents": fields.flag,
}
_MODERATION: dict[str, Reader] = {"input": bodies.read_input}
_TRANSCRIPTION: dict[str, Reader] = {
    "language": lambda value, param: fields.text(value, param, least=2, most=12),
    "prompt": _spoken,
    "response_format": fields.one_of("json", "text", "verbose_json"),
    "temperature": fields.a_number(0, 1),
    "stream": _no_stream,
}
