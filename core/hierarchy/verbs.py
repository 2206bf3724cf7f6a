"""What the audit log says of organizations, teams, members and memberships."""

from core.audit.verbs import register


def _of_kinds(kinds: tuple[str, ...], act: str, sentence: str, icon: str) -> dict[str, str]:
    return {
        kind: register(f"{kind}.{act}", sentence.replace("KIND", kind), icon=icon) for kind in kinds
    }


CREATED = _of_kinds(
    ("organization", "team"), "created", "{actor} created the KIND {target}", "domain_add"
)
RENAMED = _of_kinds(
    ("organization", "team"),
    "renamed",
    "{actor} renamed the KIND {before[name]} to {after[name]}",
    "edit",
)
ARCHIVED = _of_kinds(
    ("organization", "team", "member"), "archived", "{actor} archived the KIND {target}", "archive"
)
RESTORED = _of_kinds(
    ("organization", "team", "member"), "restored", "{actor} restored the KIND {target}", "undo"
)
MEMBER_ADDED = register(
    "member.added", "{actor} gave {target} a seat in {after[product]}", icon="person_add"
)
TEAM_MOVED = register(
    "team.moved",
    "{actor} moved the team {target} from {before[organization]} to {after[organization]}",
    icon="drive_file_move",
)
MEMBERSHIP_MOVED = register(
    "membership.moved",
    "{actor} moved {target} from {before[place]} to {after[place]}",
    icon="drive_file_move",
)
IMPORTED = register("member.imported", "{actor} imported {target}", icon="upload_file")
PLACED = register(
    "membership.created", "{actor} added {target} to {after[place]}", icon="group_add"
)
UNPLACED = register(
    "membership.archived", "{actor} removed {target} from {before[place]}", icon="group_remove"
)
PRIMARY_SET = register(
    "membership.made_primary", "{actor} made {after[place]} the primary place of {target}"
)
ADMIN_APPOINTED = register(
    "admin.appointed",
    "{actor} made {target} {after[role]} of {after[node]}",
    icon="admin_panel_settings",
)
ADMIN_REMOVED = register(
    "admin.removed",
    "{actor} took the role {before[role]} of {before[node]} from {target}",
    icon="remove_moderator",
)
