"""What `make run` says at the end: where to go, and who to log in as."""

from pathlib import Path
from typing import Any

from cockpit.embedded.host import read_state


def banner(folder: Path, *, seconds: float) -> str:
    """Return the text, from the demo's `demo.json` where there is one."""
    demo = read_state(folder / "demo.json")
    lines = ["", f"  Cockpit is ready, after {seconds:.0f} s.", ""]
    if demo:
        lines += _demo_lines(demo)
    lines += [f"  Everything above is also in {folder / 'demo.json'}."] if demo else []
    lines += ["  Ctrl-C stops everything and keeps the data; `make reset` starts over.", ""]
    return "\n".join(lines)


def _demo_lines(demo: dict[str, Any]) -> list[str]:
    logins = [("Super admin", demo["cockpit_url"], demo["super_admin"])]
    for slug, account in demo["accounts"].items():
        logins.append((f"{slug.title()}, admin", account["url"], account["admin"]))
        for name, member in list(account.get("members", {}).items())[:1]:
            logins.append((f"{slug.title()}, {name}", account["url"], member))
    url_width = max(len(url) for _, url, _ in logins)
    email_width = max(len(login["email"]) for _, _, login in logins)
    lines = [
        f"  {who:<16} {url:<{url_width}}  {login['email']:<{email_width}}  {login['password']}"
        for who, url, login in logins
    ]
    gateway_url = f"{demo['gateway_url'].rstrip('/')}/v1"
    lines += ["", f"  {'Gateway':<16} {gateway_url}"]
    keys = [
        (slug, account["console_key"], account.get("llms") or ["?"])
        for slug, account in demo["accounts"].items()
        if account.get("console_key")
    ]
    lines += [f"  {f'{slug.title()} key':<16} {key}" for slug, key, _ in keys]
    for _, key, llms in keys[:1]:
        message = f'{{"model": "{llms[0]}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
        lines += ["", f"  curl {gateway_url}/chat/completions -H 'Authorization: Bearer {key}' \\"]
        lines += [f"    -H 'Content-Type: application/json' -d '{message}'"]
    return [*lines, ""]
