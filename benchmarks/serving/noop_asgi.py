"""The smallest ASGI application: reads the body and replies with as many bytes as a score."""

_BODY = b'{"customer_id":"C000001","churn_prediction":0,"churn_probability":0.3896005272655046}'
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_BODY)).encode()),
    ],
}


async def app(scope, receive, send):
    """ASGI."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await send({**_START, "headers": list(_START["headers"])})
    await send({"type": "http.response.body", "body": _BODY})
