"""Gradio's page, with two searches of its own remembered.

For every status of every event Gradio 6.31 looks up each input and output in the tree of components, from the root
down, and those that are not drawn (gr.State) in vain through all of it. With the 700 components of this app that was
60 % of what a browser spent on opening the page. Here the one function that searches is served with a memory: where it
found a component it looks there first, and what was in no place is not looked for again. That is sound as long as
nothing puts components on the page later (gr.render, which this app does not use).

For every component it also looks through all events for those that begin at it: 1,100 times 430, a third of what was
left. Here the events are sorted by component once. A Gradio whose searches read otherwise is served as it is.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import gradio
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

ASSETS = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
SCRIPTS = "core-*.js"
SEARCH = re.compile(
    r"function (?P<name>\w+)\((?P<node>\w+),(?P<id>\w+)\)\{"
    r"if\((?P=node)\.id===(?P=id)\)return (?P=node);"
    r"if\((?P=node)\.children\)for\(let (?P<child>\w+) of (?P=node)\.children\)"
    r"\{let (?P<found>\w+)=(?P=name)\((?P=child),(?P=id)\);if\((?P=found)\)return (?P=found)\}return null\}"
)
REMEMBERED = """\
const omokageFound=new WeakMap();
function omokageSearch(node,id,way){
if(node.id===id)return node;
const children=node.children;
if(children)for(let at=0;at<children.length;at++){
way.push(at);const found=omokageSearch(children[at],id,way);if(found)return found;way.pop()}
return null}
function NAME(root,id){
let ways=omokageFound.get(root);
if(!ways)omokageFound.set(root,ways=new Map());
let way=ways.get(id);
if(way===null)return null;
if(way){let node=root;for(const at of way)node=node?.children?.[at];if(node?.id===id)return node}
way=[];const found=omokageSearch(root,id,way);
ways.set(id,found?way:null);
return found}"""

EVENTS = re.compile(
    r"find_attached_events\((?P<node>\w+),(?P<all>\w+)\)\{"
    r"let (?P<found>\w+)=(?P=all)\.filter\((?P<one>\w+)=>"
    r"(?P=one)\.targets\.find\(\(\[(?P<a>\w+)\]\)=>(?P=a)===(?P=node)\.id\)\)"
    r"\.map\((?P<two>\w+)=>\{let (?P<first>\w+)="
    r"(?P=two)\.targets\.find\(\(\[(?P<b>\w+)\]\)=>(?P=b)===(?P=node)\.id\);"
    r"return (?P=first)\?(?P=first)\[1\]:null\}\)\.filter\(Boolean\);"
    r"return (?P=node)\.props\.shared_props\.attached_events=(?P=found),(?P=node)\}"
)
SORTED = """\
find_attached_events(node,events){
let sorted=omokageEvents.get(events);
if(!sorted){
omokageEvents.set(events,sorted=new Map());
for(const event of events){
const met=new Set();
for(const [id,name] of event.targets){
if(met.has(id))continue;
met.add(id);
if(!sorted.has(id))sorted.set(id,[]);
if(name)sorted.get(id).push(name)}}}
node.props.shared_props.attached_events=[...(sorted.get(node.id)??[])];
return node}"""


def remembering(script: str) -> str | None:
    """The script with its searches replaced; None where it holds none of them once."""
    made, searches = SEARCH.subn(lambda search: REMEMBERED.replace("NAME", search["name"]), script)
    script = made if searches == 1 else script
    made, events = EVENTS.subn(lambda _: SORTED, script)
    if events == 1:
        return f"{made}\nconst omokageEvents=new WeakMap();"
    return script if searches == 1 else None


def scripts(folder: Path = ASSETS) -> dict[str, bytes]:
    """What is served instead, by the path that the page asks for."""
    read = {path.name: remembering(path.read_text(encoding="utf-8")) for path in folder.glob(SCRIPTS)}
    return {f"/assets/{name}": made.encode() for name, made in read.items() if made}


@dataclass
class FoundNodes:
    """ASGI middleware that serves `scripts` and leaves everything else to the app."""

    app: ASGIApp
    scripts: dict[str, bytes] = field(default_factory=scripts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        made = self.scripts.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if made is None:
            return await self.app(scope, receive, send)
        await Response(made, media_type="text/javascript")(scope, receive, send)
