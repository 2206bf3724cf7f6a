"""Examples of credits for the OpenAPI documents."""

PLAN_VERSION = {
    "version": 1,
    "grant": "50000",
    "period": "month",
    "anchor_day": 1,
    "anchor_month": 1,
    "rollover": "none",
    "rollover_cap": "0",
    "effective_from": "2026-11-01T00:00:00Z",
}
SPILL = {"team": False, "organization": False, "pool": True}
PLAN = {
    "time_zone": "Europe/Berlin",
    "plan": PLAN_VERSION,
    "next_plan": None,
    "spill": SPILL,
    "figures": {
        "granted": "50000",
        "unallocated": "20000",
        "pool": "5000",
        "nodes": "21400",
        "reserved": "12.5",
        "used": "3587.5",
        "overflow_limit": "2000",
        "overflow_used": "0",
    },
}
CYCLE = {
    "id": "0198a7c1-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
    "number": 11,
    "state": "open",
    "starts_at": "2026-11-01T00:00:00Z",
    "ends_at": "2026-12-01T00:00:00Z",
    "plan_version": 1,
}
STATEMENT = {
    "id": "0198a7c1-2b3c-7d4e-8f50-6b7c8d9e0f10",
    "cycle": {**CYCLE, "number": 10, "state": "closed"},
    "used": "320.5",
    "covered": "120.5",
    "amount": "200",
    "limit": "2000",
    "state": "open",
    "frozen_at": "2026-11-01T00:04:10Z",
}
FORECAST = {
    "cycle": CYCLE,
    "left": "46400",
    "burn": "143.5",
    "runs_out_on": None,
    "used_at_end": "4305",
    "error_percent": 8,
    "recommended_overflow": "500",
    "days": ["140", "151.5", "139"],
}
WALLET = {
    "id": "0198a7c6-4e5f-7061-8273-849506172839",
    "kind": "team",
    "node": {"id": "0198a7c3-1b2c-7d3e-8f40-516273849506", "name": "Content"},
    "parent": "0198a7c6-5f60-7172-8384-950617283940",
    "allocation": "500",
    "short": "0",
    "credited": "500",
    "used": "120.25",
    "reserved": "4",
    "limit": "0",
    "free": "375.75",
}
EFFECTIVE = {
    "wallet": WALLET["id"],
    "spendable": "5375.75",
    "payers": [
        {"wallet": WALLET["id"], "kind": "team", "via": "own", "free": "375.75"},
        {
            "wallet": "0198a7c6-6071-7283-8495-061728394051",
            "kind": "pool",
            "via": "spill",
            "free": "5000",
        },
    ],
}
ACT = {
    "id": "0198a7c7-7182-7394-8506-172839405162",
    "verb": "credits.allocated",
    "reason": "Campaign in December",
    "created_at": "2026-11-25T09:32:00Z",
    "undoes": None,
}
TRANSFER = {
    "id": "0198a7c7-8293-74a5-8617-283940516273",
    "act": ACT["id"],
    "cycle": CYCLE["id"],
    "kind": "allocate",
    "source": WALLET["parent"],
    "destination": WALLET["id"],
    "amount": "500",
    "created_at": "2026-11-25T09:32:00Z",
}
SPLIT = {
    "preview": True,
    "possible": True,
    "mark": "5f0c2d7be1a94c3f86d2507a9b1e4c38",
    "act": None,
    "changes": [
        {
            "wallet": WALLET["id"],
            "kind": "team",
            "allocation_before": "500",
            "allocation_after": "500",
            "free_before": "375.75",
            "free_after": "75.75",
            "lacks": "0",
        },
        {
            "wallet": "0198a7c6-93a4-75b6-8728-394051627384",
            "kind": "membership",
            "allocation_before": None,
            "allocation_after": "300",
            "free_before": "0",
            "free_after": "300",
            "lacks": "0",
        },
    ],
}
UNDO = {"preview": True, "total": "500", "possible": "500", "obstacle": "", "act": None}
CAP = {
    "id": "0198a7c8-a4b5-76c7-8839-405162738495",
    "subject": "0198a7c3-1b2c-7d3e-8f40-516273849506",
    "window": "day",
    "amount": "50",
    "used": "12.5",
    "reserved": "0",
    "free": "37.5",
    "changed_at": "2026-11-25T09:32:00Z",
}
FILE_SENT = {"csv": f"wallet,allocation\n{WALLET['id']},750\n", "reason": "Budget of December"}
FILE = {
    "preview": True,
    "possible": True,
    "act": None,
    "rows": [{"line": 2, "node": "Content", "before": "500", "after": "750", "fault": ""}],
    "lacking": [],
}
WALLET_STATEMENT = {
    "opening": "0",
    "lines": [
        {
            "at": "2026-11-25T09:32:00Z",
            "kind": "Allocation",
            "amount": "500",
            "other": WALLET["parent"],
            "reason": "Campaign in December",
            "balance": "500",
        }
    ],
    "used": "134.25",
    "refunds": [
        {
            "at": "2026-11-25T10:05:00Z",
            "call": "0198a7c6-7182-7394-85a6-b7c8d9e0f102",
            "amount": "10",
            "reason": "The answer broke off.",
        }
    ],
    "reserved": "0",
    "closing": "375.75",
}
ALERTS = {"percents": [50, 80, 95, 100]}
MEMBERSHIP_CREDITS = {**EFFECTIVE, "node": {"id": None, "name": "Robin Reyes in Content"}}
