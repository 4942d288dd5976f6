"""An agreement in prose, for people who do not read YAML: rendered from the plans that are executed."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from adapters.base import Path
from contracts.agreement import Agreement
from contracts.legal_basis import ground
from contracts.plan import Contract, Plan, Plans, ServicePlan
from contracts.view import declared_at
from contracts.workspace import Documents
from contracts.writing import Writing
from policies.reference import Language, Words

_WORDS: Final[dict[str, Words]] = {
    "agreement": {"zh": "协议", "en": "Agreement"},
    "version": {"zh": "版本", "en": "version"},
    "hub": {"zh": "甲方：数据提供方", "en": "The Hub: the company that runs this gateway"},
    "partner": {"zh": "乙方", "en": "The Partner"},
    "code": {"zh": "数据中的代码", "en": "known in the data as"},
    "role": {"zh": "角色", "en": "role"},
    "dates": {"zh": "有效期", "en": "In force"},
    "fees": {"zh": "费用", "en": "Fees"},
    "no_fees": {"zh": "无", "en": "none"},
    "monthly": {"zh": "每月", "en": "a month"},
    "volume": {"zh": "预期用量", "en": "Expected use"},
    "no_volume": {"zh": "未约定", "en": "not agreed"},
    "per_day": {"zh": "次请求/日", "en": "requests a day"},
    "records": {"zh": "留痕", "en": "Records"},
    "sync": {"zh": "每次应答均在审计记录落盘之后发出", "en": "no answer leaves before its audit record is on disk"},
    "write": {
        "zh": "应答在审计记录写入操作系统之后发出",
        "en": "an answer leaves once its audit record is with the operating system",
    },
    "hash": {"zh": "合同哈希 (SHA-256)", "en": "Contract hash (SHA-256)"},
    "product": {"zh": "数据产品", "en": "Data product"},
    "operations": {"zh": "操作", "en": "Operations"},
    "list": {"zh": "分页列出", "en": "list, page by page"},
    "get": {"zh": "按主键读取", "en": "get one by its key"},
    "create": {"zh": "新建", "en": "create"},
    "update": {"zh": "修改", "en": "update"},
    "delete": {"zh": "删除", "en": "delete"},
    "writes": {"zh": "乙方可写字段", "en": "Fields the Partner writes"},
    "assigned": {"zh": "网关自行填入", "en": "What the gateway fills in itself"},
    "basis": {"zh": "个人信息处理的合法性基础", "en": "Ground for giving out personal data"},
    "purposes": {"zh": "目的", "en": "Purpose"},
    "rows": {"zh": "可见记录", "en": "Records opened"},
    "all_rows": {"zh": "全部", "en": "all"},
    "only_rows": {"zh": "仅满足以下条件者", "en": "only those for which"},
    "partner_is": {"zh": "其中", "en": "where"},
    "field": {"zh": "字段", "en": "Field"},
    "meaning": {"zh": "含义", "en": "Meaning"},
    "sees": {"zh": "乙方所见", "en": "What the Partner sees"},
    "service": {"zh": "乙方接口", "en": "Interface of the Partner"},
    "operation": {"zh": "操作", "en": "Operation"},
    "route": {"zh": "路径", "en": "Route"},
    "no_other_call": {
        "zh": "甲方仅调用上列操作，调用与应答均以该接口的 OpenAPI 文档为准。",
        "en": "The Hub calls no other operation of it; calls and answers are as its OpenAPI document describes them.",
    },
    "nothing_else": {"zh": "未列出的字段一律不提供。", "en": "No other field is served."},
    "clauses": {"zh": "条款", "en": "Clauses"},
    "prevails": {
        "zh": "中英文不一致时，以{}为准。",
        "en": "Where the Chinese and the English text differ, the {} text prevails.",
    },
    "zh": {"zh": "中文", "en": "Chinese"},
    "en": {"zh": "英文", "en": "English"},
}

_CHINESE = re.compile("[\u4e00-\u9fff]")


def explain(agreement: str, documents: Documents, plans: Plans, language: Language) -> str | None:
    """Every version of the agreement, in force or not, as plain text that reads as Markdown; None if there is none."""
    contracts = [contract for contract in plans.contracts.values() if contract.agreement == agreement]
    if not contracts:
        return None
    ordered = sorted(contracts, key=lambda contract: (contract.effective_from_s, contract.version))
    return "\n".join(_explain(contract, documents, plans, language) for contract in ordered)


def _explain(contract: Contract, documents: Documents, plans: Plans, language: Language) -> str:
    loaded = next(
        loaded.value
        for loaded in documents.agreements
        if (loaded.value.agreement, loaded.value.version) == (contract.agreement, contract.version)
    )
    lines = [*_cover(contract, loaded, language), ""]
    own = [plan for plan in plans.all_plans() if plan.contract is contract]
    for resource in dict.fromkeys(plan.resource for plan in own):
        lines += _resource([plan for plan in own if plan.resource == resource], language)
    lines += _services(
        [call for calls in plans.calls.values() for call in calls if call.contract is contract], language
    )
    lines += [f"## {_say('clauses', language)}", ""]
    for clause in contract.clauses:
        lines += [f"{clause.id}  {clause.text[language]}", ""]
    prevailing = _say(contract.prevails, language)
    lines += [_say("prevails", language).replace("{}", prevailing), "", f"{_say('hash', language)}: {contract.hash}"]
    return "\n".join(lines) + "\n"


def _cover(contract: Contract, agreement: Agreement, language: Language) -> list[str]:
    """The cover page: parties, dates, fees, volume."""
    name = contract.partner_name.get(language) or contract.partner
    fees, volume = agreement.fees, agreement.volume
    rows = [
        _say("hub", language),
        f"{_say('partner', language)}: {name} ({contract.partner}, {_say('role', language)} {contract.role}, "
        f"{_say('code', language)} {contract.partner_code})",
        f"{_say('dates', language)}: {contract.effective_clause.text[language]}",
        f"{_say('fees', language)}: "
        + (f"{fees.monthly} {fees.currency} {_say('monthly', language)}" if fees else _say("no_fees", language)),
        f"{_say('volume', language)}: "
        + (f"{volume.requests_per_day} {_say('per_day', language)}" if volume else _say("no_volume", language)),
        f"{_say('records', language)}: {_say(contract.ack, language)}",
    ]
    title = f"# {_say('agreement', language)} {contract.agreement}, {_say('version', language)} {contract.version}"
    return [title, "", *(f"- {row}" for row in rows)]


def _resource(plans: list[Plan], language: Language) -> list[str]:
    """One kind of record: what may be done, for what, with which of them, and field by field what is seen."""
    plan = plans[0]
    rows = [
        f"{_say('operations', language)}: {'; '.join(_say(each.operation, language) for each in plans)}",
        f"{_say('purposes', language)}: {', '.join(plan.purposes)}",
        f"{_say('rows', language)}: {_rows(plan, language)}",
    ]
    if plan.legal_basis is not None:
        rows.append(f"{_say('basis', language)}: {ground(plan.legal_basis)[language]}")
    for each in plans:
        if each.writing is not None:
            written = ", ".join(".".join(field.path) for field in each.writing.fields)
            rows.append(f"{_say('writes', language)} ({_say(each.operation, language)}): {written}")
            rows += _assigned(each.writing, language)
    fields = [
        (".".join(field.path), _meaning(plan, field.path, language), technique.words()[language])
        for field, technique in plan.view.leaves
    ]
    title = f"## {_say('product', language)} {plan.resource}, {_say('version', language)} {plan.product_version}"
    if not fields:
        return [title, "", *(f"- {row}" for row in rows), ""]
    table = _table((_say("field", language), _say("meaning", language), _say("sees", language)), fields)
    return [title, "", *(f"- {row}" for row in rows), "", *table, "", _say("nothing_else", language), ""]


def _services(calls: list[ServicePlan], language: Language) -> list[str]:
    """What the hub calls of the partner's own interfaces."""
    lines: list[str] = []
    for service, version in dict.fromkeys((call.service, call.service_version) for call in calls):
        rows = [
            (call.operation.name, f"{call.operation.method} {call.operation.template}", call.operation.summary)
            for call in calls
            if (call.service, call.service_version) == (service, version)
        ]
        heading = (_say("operation", language), _say("route", language), _say("meaning", language))
        title = f"## {_say('service', language)} {service}, {_say('version', language)} {version}"
        lines += [title, "", *_table(heading, rows), "", _say("no_other_call", language), ""]
    return lines


def _assigned(writing: Writing, language: Language) -> list[str]:
    """What every record that the partner creates gets from the gateway."""
    said = ", ".join(f"`{'.'.join(field.path)} = {value}`" for field, value in writing.assigned)
    return [f"{_say('assigned', language)}: {said}"] if said else []


def _rows(plan: Plan, language: Language) -> str:
    """The row filter as written, with the partner's own values beside it."""
    if plan.rows is None:
        return _say("all_rows", language)
    expression = plan.rows.expression
    named = ", ".join(
        f'partner.{name} = "{value}"' for name, value in plan.partner_values.items() if f"partner.{name}" in expression
    )
    where = f" ({_say('partner_is', language)} {named})" if named else ""
    return f"{_say('only_rows', language)} `{' '.join(expression.split())}`{where}"


def _meaning(plan: Plan, path: Path, language: Language) -> str:
    """What the product says a field is: its business name or description, whichever is in the reader's language."""
    found = declared_at(plan.offer.schema, path)
    said = [text for text in (found.businessName, found.description) if text] if found else []
    fitting = [text for text in said if bool(_CHINESE.search(text)) == (language == "zh")]
    return " ".join((fitting or said or [""])[0].split())


def _say(word: str, language: Language) -> str:
    return _WORDS[word][language]


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """A Markdown table whose columns also line up in a terminal, where a Chinese character is two columns wide."""
    cells = [tuple(cell.replace("|", "\\|") for cell in row) for row in (heading, *rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(heading))]
    lines = [
        "| " + " | ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
