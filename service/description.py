"""What OpenAPI cannot find out by itself."""

from __future__ import annotations

from typing import Any

__all__ = ["PARAMETERS", "SUBMISSION"]

_FILE = {"type": "string", "format": "binary"}
_ERROR = {
    "description": "`error` is a type, `message` a sentence.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
            }
        }
    },
}

SUBMISSION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["content"],
                    "properties": {
                        "content": {**_FILE, "description": "The photograph."},
                        "style": {
                            "type": "array",
                            "items": _FILE,
                            "description": "Paintings or style files.",
                        },
                        "style_name": {
                            "type": "array",
                            "items": {"type": "string"},
                            "description": "Styles that the server has.",
                        },
                        "options": {
                            "type": "string",
                            "description": "A JSON object of options, such as "
                            '{"size": 512, "style_weight": 15}.',
                        },
                        "memory": {"type": "integer", "description": "Bytes at most."},
                        "time": {"type": "number", "description": "Seconds at most."},
                    },
                }
            }
        },
    },
    "responses": {
        str(status): _ERROR for status in (400, 401, 403, 408, 413, 415, 422, 429, 503, 507)
    },
}

PARAMETERS: dict[str, Any] = {
    "parameters": [
        {
            "name": "attached",
            "in": "query",
            "schema": {"type": "boolean", "default": False},
            "description": "Cancel the job when this stream is closed before the job's end.",
        }
    ]
}
