"""A group on the page, as HTML: its members in the panel, and below the talk whose turn it could be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from core.chat.conversation import Conversation
from core.chat.group import MOST_ALONE, Group, Member
from core.chat.viewpoint import said_in
from core.errors import InputError
from core.personas import Persona
from core.personas.store import PersonaEntry
from tabs.talk.faces import Face, face_of
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.visitor import Visitor


def persona_of(services: Services, visitor: Visitor, member: Member) -> Persona | PersonaEntry:
    """Who a member is, under its name in the group; only that name where the persona is gone."""
    try:
        return services.chat.persona(visitor.owner, member.persona, member.adapter, visitor.language)
    except InputError:
        return PersonaEntry("", member.name, "", built_in=False)


def member_faces(services: Services, visitor: Visitor, group: Group) -> dict[str, Face]:
    """The face of each member of a group, by name; nobody's in a talk of two."""
    members = group.members if group else ()
    return {one.name: face_of(services, visitor.owner, persona_of(services, visitor, one)) for one in members}


def turn_bar(talk: Conversation, faces: Mapping[str, Face], language: str) -> str:
    """Below the talk: everybody who could speak now, and that they may go on without the user."""
    group = talk.group
    buttons = "".join(
        f'<button type="button" data-act="speak" data-words="{escape(name)}">{face.html("small")}'
        f"{escape(name)}</button>"
        for name, face in faces.items()
    )
    label, alone, count = (escape(t(language, f"group.{key}")) for key in ("speak", "go_on", "count"))
    more = (
        f'<span class="alone"><input type="number" min="1" max="{MOST_ALONE}" value="{group.alone}" '
        f'aria-label="{count}"><button type="button" data-act="alone">{alone}</button></span>'
        if group.order != "hand" and said_in(talk)
        else ""
    )
    return f'<div class="turn-bar" role="group" aria-label="{label}">{buttons}{more}</div>'


@dataclass(frozen=True)
class Invitee:
    """Somebody who could join."""

    id: str
    """What the page sends for it."""
    name: str
    face: Face


def candidates(found: Sequence[Invitee], language: str) -> str:
    """Everybody who could join, and a narrator."""
    buttons = "".join(
        f'<button type="button" data-act="add" data-words="{escape(one.id)}">{one.face.html("small")}'
        f"{escape(one.name)}</button>"
        for one in found
    )
    label, narrator = escape(t(language, "group.add")), escape(t(language, "group.narrator"))
    return (
        f'<h3>{label}</h3><div class="candidates" role="group" aria-label="{label}">{buttons}'
        f'<button type="button" data-act="narrate">{narrator}</button></div>'
    )


def members(group: Group, faces: Mapping[str, Face], about: Mapping[str, str], language: str) -> str:
    """The members of the panel, each with how readily it speaks and a way out; `about` says who they are."""
    lines = "".join(_member(one, faces, about, language) for one in group.members)
    return f'<div class="members" role="list">{lines}</div>'


def _member(member: Member, faces: Mapping[str, Face], about: Mapping[str, str], language: str) -> str:
    name, share = escape(member.name), round(100 * member.talkativeness)
    talks, out = (escape(t(language, f"group.{key}", name=member.name)) for key in ("talkativeness_of", "remove"))
    return (
        f'<div role="listitem" data-member="{name}">{faces[member.name].html("small")}'
        f"<span><b>{name}</b><small>{escape(about[member.name])}</small></span>"
        f"<label><small>{escape(t(language, 'group.talkativeness'))}</small>"
        f'<input type="range" min="0" max="100" step="5" value="{share}" aria-label="{talks}"></label>'
        f'<button type="button" data-act="remove" aria-label="{out}" title="{out}">×</button></div>'
    )
