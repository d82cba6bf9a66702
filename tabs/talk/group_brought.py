"""The speakers of a chat that was brought in, as personas: those of their names, or new ones."""

from collections.abc import Sequence

from core.chat.group import MOST_MEMBERS, Group, Member
from core.personas import Persona
from core.text import normalize_for_match
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor


def group_of_names(services: Services, visitor: Visitor, names: Sequence[str]) -> Group:
    """A group of the first of these; tells who had to be made, as no persona had that name."""
    entries = services.personas.entries(visitor.owner, visitor.language)
    known = {normalize_for_match(entry.name): entry.id for entry in reversed(entries)}
    members, made = [], []
    for name in names[:MOST_MEMBERS]:
        persona = known.get(normalize_for_match(name), "")
        if not persona:
            fresh = Persona(name, t(visitor.language, "group.brought_description", name=name),
                            summary=t(visitor.language, "group.brought_summary"))  # fmt: skip
            persona = services.personas.save(visitor.owner, fresh).id
            made.append(name)
        found = services.personas.get(visitor.owner, persona, visitor.language)
        members.append(Member(persona, name, talkativeness=found.talkativeness))
    if made:
        inform(visitor.language, "group.brought_made", names=t(visitor.language, "group.between").join(made))
    return Group(tuple(members))
