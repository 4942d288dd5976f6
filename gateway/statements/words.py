"""The fixed words of a statement, in both languages: headings, labels, and names of what is counted."""

from collections.abc import Mapping
from types import MappingProxyType

from policies.reference import LANGUAGES, Words


def _said(zh: str, en: str) -> Words:
    return {"zh": zh, "en": en}


LABELS: Mapping[str, Words] = MappingProxyType(
    {
        "title": _said("服务水平结算单", "Service level statement"),
        "provisional": _said(
            "暂算：期间尚未结束，截至 {until}，不产生付款义务",
            "Provisional: the period has not ended. Computed up to {until}; nothing is due on it",
        ),
        "not-issued": _said("已计算，未出具", "Computed, not issued"),
        "parties": _said("当事人与期间", "Parties and period"),
        "agreement": _said("协议", "Agreement"),
        "versions": _said("版本及合同哈希", "Versions and contract hashes"),
        "hub": _said("甲方", "The Hub"),
        "partner": _said("乙方", "The Partner"),
        "period": _said("结算期间", "Period"),
        "zone": _said("时区", "Time zone"),
        "id": _said("结算单编号", "Statement"),
        "state": _said("状态", "State"),
        "issued": _said("已出具，待乙方答复", "Issued, awaiting the Partner's answer"),
        "countersigned": _said("乙方已会签", "Countersigned by the Partner"),
        "disputed": _said("乙方有异议", "Disputed by the Partner"),
        "superseded": _said("已被 {id} 取代", "Replaced by {id}"),
        "revision": _said("修订", "Revision"),
        "replaces": _said(
            "本修订版取代 {id}（SHA-256 {sha}）。差异如下：",
            "This revision replaces {id} (SHA-256 {sha}). It differs in this:",
        ),
        "before": _said("原为", "Before"),
        "after": _said("现为", "Now"),
        "what": _said("项目", "Figure"),
        "summary": _said("汇总", "Summary"),
        "owes": _said("应付方", "Owed by"),
        "amount": _said("金额", "Amount"),
        "net": _said("抵销后净额", "Net, after set-off"),
        "owes-net": _said("{side}应付 {amount}", "{side} owes {amount}"),
        "overview": _said("逐条逐月", "Clause by clause, month by month"),
        "text": _said("条款文字", "Text of the clause"),
        "total": _said("{side}应付总额（{currency}）", "Total owed by {side} ({currency})"),
        "cause": _said("未合格应答：{cause}", "Answers that were not good: {cause}"),
        "exclusion": _said("剔除时段：{notice}", "Span left out: {notice}"),
        "even": _said("双方两清，无须支付", "Neither side owes the other anything"),
        "clause": _said("条款", "Clause"),
        "month": _said("月份", "Month"),
        "measured": _said("实测", "Measured"),
        "verdict": _said("结论", "Verdict"),
        "met": _said("达标", "Met"),
        "missed": _said("未达标", "Missed"),
        "unknown": _said("无可判定", "Nothing to judge"),
        "percent": _said("抵扣比例", "Credit, percent"),
        "fee": _said("费用基数", "Fee"),
        "credit": _said("抵扣额", "Credit"),
        "capped": _said("受限于", "Capped by"),
        "prior": _said("前十一个月已抵扣", "Credited in the eleven months before"),
        "claim": _said("最迟主张日", "To be claimed by"),
        "how": _said("计算过程", "How it is computed"),
        "figures": _said("计数", "Counted"),
        "causes": _said("未合格应答之归因", "Answers that were not good, by cause"),
        "exclusions": _said(
            "已公告的时段、是否剔除及其凭据", "Announced spans, whether they are left out, and the evidence"
        ),
        "left-out": _said("是否剔除", "Left out"),
        "yes": _said("是", "yes"),
        "no": _said("否", "no"),
        "late-for": _said("否，未达第 {clause} 条的通知期限", "no: too late for clause {clause}"),
        "notice": _said("公告", "Notice"),
        "span": _said("时段", "Span"),
        "announced": _said("公告于", "Announced"),
        "record": _said("审计记录", "Audit record"),
        "without": _said("若不剔除", "If it counted"),
        "retroactive": _said("事后补录", "announced after it had begun"),
        "running": _said("尚未结束，暂算", "not over, provisional"),
        "fault": _said("无法结算：", "Cannot be settled: "),
        "answer": _said("乙方答复", "The Partner's answer"),
        "answered": _said("答复时间", "Answered"),
        "client": _said("答复客户端", "Answered by client"),
        "signature": _said("签名", "Signature"),
        "signed-with": _said("JWS，密钥 {kid}，已验证", "JWS by key {kid}, verified"),
        "reasons": _said("异议理由", "Reasons"),
        "seal": _said("封存依据", "Seal"),
        "source": _said("计算来源", "Computed from"),
        "rollups": _said("网关逐分钟计数", "the gateway's counts, minute by minute"),
        "log": _said("审计日志", "the audit log alone"),
        "range": _said("日志范围", "Log range"),
        "tree": _said("乙方日志树", "The Partner's tree"),
        "tree-head": _said("{size} 条，根 {root}", "{size} entries, root {root}"),
        "no-tree": _said("尚未发布", "nothing published yet"),
        "figures-hash": _said("数据 SHA-256", "SHA-256 of the figures"),
        "hash": _said("结算单 SHA-256", "SHA-256 of the statement"),
        "signatures": _said("签署", "Signatures"),
        "for-hub": _said("甲方（签章）", "For the Hub"),
        "for-partner": _said("乙方（签章）", "For the Partner"),
        "date": _said("日期", "Date"),
        "prevails": _said(
            "本结算单以中英文出具；条款文字以{language}文本为准。",
            "This statement is made in Chinese and English; of the clauses, the {language} text prevails.",
        ),
        "zh": _said("中文", "Chinese"),
        "en": _said("英文", "English"),
        "recompute": _said(
            "以 clausegate statement --from-log 可由审计日志独立重算，结果逐位相同。",
            "clausegate statement --from-log recomputes it from the audit log alone, equal to the last digit.",
        ),
        "page": _said("第 {page} 页，共 {pages} 页", "Page {page} of {pages}"),
    }
)
"""Labels by name; some hold places in braces."""

NAMES: Mapping[str, Words] = MappingProxyType(
    {
        "hub-cause": _said("甲方", "the Hub"),
        "backend-cause": _said("甲方后端", "the Hub's backend"),
        "partner-cause": _said("乙方", "the Partner"),
        "excluded-cause": _said("已剔除", "left out"),
        "slow-cause": _said("超时", "too slow"),
        "announced_maintenance": _said("已公告的维护", "announced maintenance"),
        "force_majeure": _said("不可抗力", "force majeure"),
        "percent": _said("%", "%"),
        "s": _said(" 秒", " s"),
        "count": _said("", ""),
    }
)
"""Names of causes and units; what is not here is shown as it is."""


def name_of(name: str) -> Words:
    """The words for a name, or the name itself."""
    return NAMES.get(name, {"zh": name, "en": name})


def same(text: str) -> Words:
    """What is the same in each language: an id, a currency."""
    return dict.fromkeys(LANGUAGES, text)


def phrase(label: str, **values: Words) -> Words:
    """A label with what stands in its places, in each language."""
    return {
        language: text.format(**{name: words[language] for name, words in values.items()})
        for language, text in LABELS[label].items()
    }
