"""A function behind a gateway, as AWS Lambda calls it: pictures in, a picture out, in base64.

Nothing is written, so that the whole file system may be read-only, and 1 GB of memory is enough.
Give the function these variables; both are read before a line of Python runs:

    OPENBLAS_NUM_THREADS=1     # NumPy and SciPy would reserve memory for every processor
    ORT_DISABLE_TELEMETRY=1    # ONNX Runtime would keep a file of events in the home folder

The body of a request is JSON: {"content": BASE64, "style": BASE64, "size": 256}.
"""

import base64
import json

import impasto
from impasto.engine.errors import ImageError, LimitError, OptionsError

LIMITS = impasto.Limits(file_bytes=4 << 20, pixels=16_000_000, output_side=512)
MARGIN = 3.0  # seconds to write the picture and to answer

# Once for each container, which then serves one request after the other.
engine = impasto.Engine(limits=LIMITS)


def handler(event, context):
    """Answer one request with the best picture that the time left allows."""
    seconds = context.get_remaining_time_in_millis() / 1000 - MARGIN
    try:
        body = json.loads(event["body"])
        content, style = (base64.b64decode(body[name]) for name in ("content", "style"))
        options = impasto.Options(size=body.get("size", 256))
    except (KeyError, RecursionError, TypeError, ValueError):
        return refusal(400, "the body must be JSON with content and style in base64")
    except OptionsError as error:
        return refusal(400, str(error))
    try:
        result = engine.stylize(content, style, options, time=max(1.0, seconds))
    except ImageError as error:  # the sentence is fit for whoever sent the picture
        return refusal(422, str(error))
    except LimitError as error:
        return refusal(413, str(error))
    return {
        "statusCode": 200,
        "headers": {"content-type": "image/png"},
        "isBase64Encoded": True,
        "body": base64.b64encode(result.encode()).decode(),
    }


def refusal(status, sentence):
    """An answer that is no picture."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"message": sentence}),
    }
