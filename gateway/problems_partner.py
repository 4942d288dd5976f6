"""Codes of what partners do for themselves and of calls to partners: part of the table of gateway/problems.py."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.problem import Problem, problem

PARTNER_PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {
        "statement-not-found": problem(
            404,
            "There is no such statement",
            "没有该结算单",
            "GET /partner/statements lists those of your agreements.",
            "GET /partner/statements 列出贵方协议的全部结算单。",
        ),
        "statement-answered": problem(
            409,
            "The statement cannot be answered like this any more",
            "该结算单已不能如此答复",
            "It was countersigned or disputed already, or a revision has replaced it: read it again.",
            "该结算单已会签、已提出异议或已被修订版取代：请重新读取。",
        ),
        "correction-not-found": problem(
            404,
            "There is no such correction",
            "没有该更正",
            "GET /partner/corrections lists those that concern you.",
            "GET /partner/corrections 列出与贵方有关的全部更正。",
        ),
        "correction-state": problem(
            409,
            "The correction is not in a state for this",
            "该更正的当前状态不允许此操作",
            "Read it again: its state and what may follow are in it.",
            "请重新读取：其中写明当前状态及可进行的操作。",
        ),
        "task-not-found": problem(
            404,
            "There is no such task",
            "没有该任务",
            "GET /partner/tasks lists those that concern you.",
            "GET /partner/tasks 列出与贵方有关的全部任务。",
        ),
        "task-state": problem(
            409,
            "The task is not in a state for this",
            "该任务的当前状态不允许此操作",
            "Read it again: its state and what may follow are in it.",
            "请重新读取：其中写明当前状态及可进行的操作。",
        ),
        "unknown-service": problem(
            404,
            "There is no such operation of a partner",
            "没有该合作方操作",
            "The agreement in force names the services of a partner and their operations.",
            "现行协议列明合作方的服务及其操作。",
        ),
        "outbound-invalid": problem(
            422,
            "The call is not as the partner's OpenAPI document says",
            "调用不符合合作方的 OpenAPI 文档",
            "Each fault is listed with its place. Nothing was sent to the partner.",
            "各处错误均已列出位置。未向合作方发送任何内容。",
        ),
        "partner-unreachable": problem(
            502,
            "The partner's API cannot be reached",
            "无法连接合作方接口",
            "Nothing is known to have been done. Try again later.",
            "未确认有任何操作已执行。请稍后重试。",
        ),
        "partner-error": problem(
            502,
            "The partner's API failed, or answered what its document does not allow",
            "合作方接口出错，或应答不符合其文档",
            "The partner has been charged with it where the agreement says so. Try again later.",
            "协议有约定的，已计入合作方的服务水平。请稍后重试。",
        ),
        "partner-timeout": problem(
            504,
            "The partner's API did not answer in time",
            "合作方接口未及时应答",
            "It may have been done or not: ask the partner before you repeat a change.",
            "操作可能已执行，也可能未执行：重复变更前请先向合作方确认。",
        ),
        "partner-failing": problem(
            503,
            "The partner's API has failed repeatedly and is not called for a while",
            "合作方接口连续出错，暂停调用",
            "Wait as long as Retry-After says.",
            "请按 Retry-After 所示时间等待。",
        ),
        "credential-not-found": problem(
            404,
            "There is no such client or credential",
            "没有该客户端或凭证",
            "GET /partner/clients lists yours.",
            "GET /partner/clients 列出贵方的全部客户端与凭证。",
        ),
        "credential-invalid": problem(
            422,
            "The credential cannot be used",
            "该凭证无法使用",
            "Each fault is listed. Nothing was changed.",
            "各项问题均已列出。未作任何更改。",
        ),
        "credential-state": problem(
            409,
            "That would leave the client without a credential, or with too many",
            "该操作将使客户端没有凭证，或凭证过多",
            "Add the new one before the old one goes; a client has at most two secrets and eight keys or certificates.",
            "请先添加新凭证再移除旧凭证；一个客户端至多有两个密钥串、八个公钥或证书。",
        ),
        "refusal-not-found": problem(
            404,
            "Nothing is known of a refusal of this request",
            "没有该请求被拒绝的记录",
            "Ask with the X-Request-Id of an answer of yours, within seven days. What was answered is in your log.",
            "请在七日内使用贵方应答中的 X-Request-Id 查询。已成功应答的请求见贵方日志。",
        ),
    }
)
