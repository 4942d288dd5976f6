"""Writes the Lua that somebody would write by hand to mask one product's page in nginx: straight-line code.

It is generated from the view so that it can never mask other fields than the gateway does; what comes out is
what a careful Lua programmer would type, one assignment a field, and pays for no generality.
"""

from contracts.granted import Branch, Leaf, Many, Node
from policies.technique import Technique
from policies.techniques.clear import Clear
from policies.techniques.keep_first import KeepFirst
from policies.techniques.keep_last import KeepLast
from policies.techniques.redact import Redact

PRELUDE = """\
local cjson = require "cjson"
local null = cjson.null
local concat, rep, sub = table.concat, string.rep, string.sub

-- The characters of UTF-8 text, and how many there are.
local function characters(text)
  local list, count = {}, 0
  for character in text:gmatch("[%z\\1-\\127\\194-\\244][\\128-\\191]*") do
    count = count + 1
    list[count] = character
  end
  return list, count
end

local function keep_first(value, kept, mark)
  if value == nil or value == null then return value end
  local list, count = characters(value)
  if count <= kept then return rep(mark, count) end
  return concat(list, "", 1, kept) .. rep(mark, count - kept)
end

local function keep_last(value, kept, mark)
  if value == nil or value == null then return value end
  local list, count = characters(value)
  if count <= kept then return rep(mark, count) end
  return rep(mark, count - kept) .. concat(list, "", count - kept + 1, count)
end

local function redacted(value, mark)
  if value == nil or value == null then return value end
  return mark
end
"""

BODY = """
local function mask_page(text)
  local page = cjson.decode(text)
  local records = {}
  for i, source in ipairs(page.data) do
    records[i] = mask_record(source)
  end
  return cjson.encode({ data = records, next = page.next })
end

return { mask_page = mask_page }
"""


def lua_module(record: Branch) -> str:
    """A Lua module with `mask_page(text)`, for a view and the envelope `{"data": [...], "next": ...}`."""
    lines = ["", "local function mask_record(source)", *_object(record, "source", 1), "end"]
    return PRELUDE + "\n".join(lines) + "\n" + BODY


def _object(branch: Branch, source: str, depth: int) -> list[str]:
    pad = "  " * depth
    masked = f"masked{depth}"
    lines = [f"{pad}local {masked} = {{}}"]
    for name, node in branch.fields.items():
        lines += _member(node, f'{source}["{name}"]', f'{masked}["{name}"]', depth)
    return [*lines, f"{pad}return {masked}"] if depth == 1 else lines


def _member(node: Node, source: str, target: str, depth: int) -> list[str]:
    pad = "  " * depth
    if isinstance(node, Leaf):
        return [f"{pad}{target} = {_disclosed(node.technique, source)}"]
    inner = f"inner{depth}"
    lines = [f"{pad}do", f"{pad}  local {inner} = {source}", f"{pad}  if type({inner}) == 'table' then"]
    if isinstance(node, Many):
        lines += [f"{pad}    local list{depth} = {{}}", f"{pad}    for i{depth} = 1, #{inner} do"]
        lines += _item(node.item, f"{inner}[i{depth}]", f"list{depth}[i{depth}]", depth + 3)
        lines += [f"{pad}    end", f"{pad}    {target} = list{depth}"]
    else:
        if not isinstance(node, Branch):
            raise TypeError("the bench's product has no maps")
        lines += _object(node, inner, depth + 2)
        lines += [f"{pad}    {target} = masked{depth + 2}"]
    return [*lines, f"{pad}  else", f"{pad}    {target} = {inner}", f"{pad}  end", f"{pad}end"]


def _item(node: Node, source: str, target: str, depth: int) -> list[str]:
    pad = "  " * depth
    if isinstance(node, Branch):
        return [
            f"{pad}local item{depth} = {source}",
            *_object(node, f"item{depth}", depth),
            f"{pad}{target} = masked{depth}",
        ]
    return _member(node, source, target, depth)


def _disclosed(technique: Technique, source: str) -> str:
    match technique:
        case Clear():
            return source
        case KeepFirst(count=count, mark=mark):
            return f'keep_first({source}, {count}, "{mark}")'
        case KeepLast(count=count, mark=mark):
            return f'keep_last({source}, {count}, "{mark}")'
        case Redact(mark=mark):
            return f"redacted({source}, {'null' if mark is None else chr(34) + mark + chr(34)})"
    raise NotImplementedError(f"nobody has written {technique.name} in Lua yet")
