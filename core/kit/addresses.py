"""Where a request comes from, behind proxies or without."""


def client_address(peer: str, forwarded: str, *, proxies: int) -> str:
    """Return who is calling: the connection's other end, or whom our proxies name.

    `forwarded` is `X-Forwarded-For`. Each proxy adds, at its end, the address that it saw; so with
    so many in front, the first of them wrote the address that counts. What a client wrote itself
    stands before it.
    """
    chain = [part.strip() for part in forwarded.split(",") if part.strip()]
    if proxies == 0 or not chain:
        return peer
    return chain[-min(proxies, len(chain))]
