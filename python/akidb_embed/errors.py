"""The exceptions of this package. Each says what happened (``message``) and what to do about it (``hint``)."""
from __future__ import annotations


class EmbedError(RuntimeError):
    """A call failed. The base of all exceptions of this package.

    Attributes:
        message: what happened.
        hint: what to do about it.
        code: a stable name such as ``"empty_text"``.
        text_index: which text of the call is at fault, or ``None``.
    """

    def __init__(self, message: str, hint: str = "", code: str = "internal_error", text_index: int | None = None) -> None:
        super().__init__(f"{message}\n{hint}" if hint else message)
        self.message = message
        self.hint = hint
        self.code = code
        self.text_index = text_index

    def __reduce__(self) -> tuple[type[EmbedError], tuple[str, str, str, int | None]]:
        return type(self), (self.message, self.hint, self.code, self.text_index)


class InvalidInputError(EmbedError, ValueError):
    """An argument or a text cannot be used."""


class ModelError(EmbedError):
    """The model is missing, damaged, of a kind that is not run, or of another kind than what is asked of it."""


class DownloadError(ModelError):
    """The model could not be downloaded."""


class CancelledError(EmbedError):
    """The work was given up before it was done."""


class NoMemoryError(EmbedError, MemoryError):
    """Memory ran out."""


class ServerError(EmbedError):
    """The server refused a request, or could not be reached.

    Attributes:
        status: the HTTP status, or ``None`` where there was no reply.
        request_id: the id under which the server's log has the request.
    """

    def __init__(self, message: str, hint: str = "", code: str = "internal_error", text_index: int | None = None,
                 status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message, hint, code, text_index)
        self.status = status
        self.request_id = request_id

    def __reduce__(self) -> tuple[type[EmbedError], tuple[str, str, str, int | None, int | None, str | None]]:  # type: ignore[override]
        return type(self), (self.message, self.hint, self.code, self.text_index, self.status, self.request_id)


BY_CODE: dict[str, type[EmbedError]] = {
    "invalid_argument": InvalidInputError,
    "empty_text": InvalidInputError,
    "invalid_utf8": InvalidInputError,
    "text_too_long": InvalidInputError,
    "no_tokens": InvalidInputError,
    "model_not_found": ModelError,
    "model_invalid": ModelError,
    "model_unsupported": ModelError,
    "model_changed": ModelError,
    "wrong_task": ModelError,
    "model_download_failed": DownloadError,
    "cancelled": CancelledError,
    "out_of_memory": NoMemoryError,
}
